/** The routes that there are, for 405 and for the tests that compare them with the document. */
export interface RegisteredRoute {
  method: string;
  /** With `:name` parameters. */
  pattern: string;
  operation: string;
}

export interface Registry {
  add(route: RegisteredRoute): void;
  readonly routes: readonly RegisteredRoute[];
  /** The methods that a path has, in order of registration; empty: there is no such path. */
  methodsFor(path: string): string[];
}

export function createRegistry(): Registry {
  const routes: RegisteredRoute[] = [];
  const matchers = new Map<string, RegExp>();

  const matcherOf = (pattern: string): RegExp => {
    const known = matchers.get(pattern);
    if (known !== undefined) return known;
    const source = pattern.replaceAll(/[.]/g, "\\.").replaceAll(/:[A-Za-z]+/g, "[^/]+");
    const matcher = new RegExp(`^${source}$`);
    matchers.set(pattern, matcher);
    return matcher;
  };

  return {
    routes,
    add: (route) => void routes.push(route),
    methodsFor: (path) => [
      ...new Set(routes.filter(({ pattern }) => matcherOf(pattern).test(path)).map(({ method }) => method)),
    ],
  };
}
