/** Everything that we send to GitHub's GraphQL: only what is in `QUERIES` can be sent, and all of it is tested. */

const COMMENT = /* GraphQL */ `
  fragment comment on PullRequestReviewComment {
    id
    body
    createdAt
    authorAssociation
    author {
      __typename
      login
    }
  }
`;

const THREADS = /* GraphQL */ `
  query Threads($owner: String!, $repo: String!, $number: Int!, $after: String) {
    repository(owner: $owner, name: $repo) {
      pullRequest(number: $number) {
        reviewThreads(first: 100, after: $after) {
          pageInfo {
            hasNextPage
            endCursor
          }
          nodes {
            id
            isResolved
            isOutdated
            path
            line
            originalLine
            comments(first: 50) {
              pageInfo {
                hasNextPage
                endCursor
              }
              nodes {
                ...comment
              }
            }
          }
        }
      }
    }
  }
  ${COMMENT}
`;

const THREAD = /* GraphQL */ `
  query Thread($id: ID!, $after: String) {
    node(id: $id) {
      __typename
      ... on PullRequestReviewThread {
        isResolved
        pullRequest {
          number
          repository {
            nameWithOwner
          }
        }
        comments(first: 100, after: $after) {
          pageInfo {
            hasNextPage
            endCursor
          }
          nodes {
            ...comment
          }
        }
      }
    }
  }
  ${COMMENT}
`;

/** Without a rule that requires reviews the decision may be null, whatever was said: so both are read. */
const APPROVAL = /* GraphQL */ `
  query Approval($owner: String!, $repo: String!, $number: Int!, $after: String) {
    repository(owner: $owner, name: $repo) {
      pullRequest(number: $number) {
        headRefOid
        reviewDecision
        latestOpinionatedReviews(first: 100, after: $after, writersOnly: true) {
          pageInfo {
            hasNextPage
            endCursor
          }
          nodes {
            state
            body
            author {
              login
            }
            commit {
              oid
            }
          }
        }
      }
    }
  }
`;

const MERGE_QUEUE = /* GraphQL */ `
  query MergeQueue($owner: String!, $repo: String!, $branch: String!) {
    repository(owner: $owner, name: $repo) {
      mergeQueue(branch: $branch) {
        id
      }
    }
  }
`;

const REPLY = /* GraphQL */ `
  mutation Reply($thread: ID!, $body: String!) {
    addPullRequestReviewThreadReply(input: { pullRequestReviewThreadId: $thread, body: $body }) {
      comment {
        id
      }
    }
  }
`;

const RESOLVE = /* GraphQL */ `
  mutation Resolve($thread: ID!) {
    resolveReviewThread(input: { threadId: $thread }) {
      thread {
        isResolved
      }
    }
  }
`;

export const QUERIES = {
  threads: THREADS,
  thread: THREAD,
  approval: APPROVAL,
  mergeQueue: MERGE_QUEUE,
  reply: REPLY,
  resolve: RESOLVE,
} as const;
export type QueryName = keyof typeof QUERIES;
