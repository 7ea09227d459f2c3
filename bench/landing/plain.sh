#!/bin/sh
# What a town does with git for each bead, by hand and with no town: one bead after the other, in one
# reused worktree and one merge worktree. Arguments: clone, slot, merge worktree, first and last number.
set -eu
slot=$2 merge=$3 number=$4 last=$5

while [ "$number" -le "$last" ]; do
  branch="plain/bead-$number"
  # A worktree at the fresh remote head.
  cd "$slot"
  git fetch --quiet origin main
  git checkout --quiet --force --no-track -B "$branch" origin/main
  git clean -ffd --quiet
  # The work, handed over.
  mkdir -p beads
  echo "Bead $number was here." >"beads/bead-$number.txt"
  git add --all
  git commit --quiet --message="Bead $number"
  git push --quiet origin "$branch"
  # The landing, on the target's fresh head, by compare-and-swap.
  cd "$merge"
  git fetch --quiet origin main "$branch"
  git checkout --quiet --detach origin/main
  head=$(git rev-parse HEAD)
  git merge --quiet --no-ff --message="Merge $branch" "origin/$branch"
  git push --quiet --force-with-lease="refs/heads/main:$head" origin HEAD:refs/heads/main
  git push --quiet origin --delete "$branch"
  number=$((number + 1))
done
