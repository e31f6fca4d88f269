#!/bin/sh
# second-attempt.sh LOG FAILED: runs once more, alone, the few functional tests that failed in the run that wrote LOG; ends with 0 and
# their names on stdout when all of them pass now.
#
# Functional tests start real programs beside whatever else the machine does, and among three thousand of them one may meet a pause
# of seconds. One failure of that kind must not hide the other results; it must not be lost either, so ./test names it loudly.
# Unit tests get no second attempt, nor do more than three failures: that is no accident.
set -eu

log=$1 failed=$2
names=$(sed -n 's/^ *Failed \(Waitress\.[A-Za-z0-9_.]*\).*\[.*\]$/\1/p' "$log" | sort -u)
[ "$failed" -le 3 ] && [ -n "$names" ] || exit 1
filter=
for name in $names; do
    case $name in Waitress.FunctionalTests.*) ;; *) exit 1 ;; esac
    filter="$filter${filter:+|}FullyQualifiedName=$name"
done
dotnet test tests/Waitress.FunctionalTests --no-build -tl:off --filter "$filter" >&2
echo "$names" | tr '\n' ' '
