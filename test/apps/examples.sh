#!/bin/sh
# The examples in foreign loops: each ends by itself, all messages were answered, and no loop spun. Those whose
# library is not here were not built.
#
#   sh test/apps/examples.sh DIRECTORY-OF-PROGRAMS
set -u
bin=$1
failed=0 ran=0
turns_max=400 # some 45 messages and answers, a few turns each; consent, and the timers of the set-up
for example in poll uv glib; do
    program=$bin/weir-example-$example
    [ -x "$program" ] || continue
    for pump in default epoll; do
        ran=$((ran + 1))
        words=$(WEIR_PUMP=$pump timeout 20 "$program" 2>&1 </dev/null)
        status=$?
        turns=$(printf '%s\n' "$words" | sed -n 's/.*answered, \([0-9]*\) turns$/\1/p')
        if [ "$status" -ne 0 ] || [ -z "$turns" ] || [ "$turns" -gt "$turns_max" ]; then
            echo "$example, $pump: exit $status, said: $words"
            failed=1
        else
            printf '%s\n' "$words" | tail -n 1
        fi
    done
done
[ "$ran" -ne 0 ] || failed=1
exit "$failed"
