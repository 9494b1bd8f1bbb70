#!/bin/sh
# Change the code in one small place, run the unit tests of its directory, and see whether any notices: for
# every mutant of test/mutants/. Prints those that live, and a count for each directory; fails when more
# than 5 % live, when one that is said to live dies, or when one no longer fits the code.
#
#   test/mutate.sh                      all directories that have a list
#   test/mutate.sh rtcp srtp            these
#   test/mutate.sh --every 4            every fourth mutant
#   test/mutate.sh --propose rtcp 20    new mutants at random, in the form of test/mutants/
#
# The code that is changed is a copy below build-mutate/.
set -eu
cd "$(dirname "$0")/.."
exec node test/mutate.mjs "$@"
