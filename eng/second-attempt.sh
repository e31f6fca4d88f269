#!/bin/sh
# second-attempt.sh LOG FAILED: runs once more, alone, the few C# tests that failed in the run that wrote LOG; ends with 0 and their
# names on stdout when all of them pass now.
#
# Among three thousand tests with real programs, sockets and threads, beside whatever else the machine does, one may meet a pause of
# seconds. One failure of that kind must not hide the other results; it must not be lost either, so ./test names it loudly.
# More than three failures get no second attempt: that is no accident.
set -eu

log=$1 failed=$2
names=$(sed -n 's/^ *Failed \(Waitress\.[A-Za-z0-9_.]*\).*\[.*\]$/\1/p' "$log" | sort -u)
[ "$failed" -le 3 ] && [ -n "$names" ] || exit 1
for assembly in Waitress.CPython.Tests Waitress.Tests Waitress.FunctionalTests; do
    filter=$(echo "$names" | sed -n "s/^$assembly\\./FullyQualifiedName=&/p" | paste -sd '|')
    [ -z "$filter" ] || dotnet test "tests/$assembly" --no-build -tl:off --filter "$filter" >&2
done
echo "$names" | tr '\n' ' '
