# Starts a program and outlives whoever asked for it, so that nothing is left behind.
# arguments: FOLDER STDIN PROGRAM ARGUMENT...
# Standard input is the line to the test: each line is the name of a signal for the program. When the line closes
# (the test is done, or it died in whatever way) the program and all it started are killed and FOLDER is removed.
folder=$1 input=$2
shift 2
exec 3<&0 <"$input"
set -m
"$@" 3<&- &
child=$!
{
  while read -r -u 3 signal; do kill -s "$signal" "$child"; done
  : >"$folder/.abandoned"
  kill -s KILL -- "-$child"
} 2>/dev/null &
line=$!
# Without job control a program that is stopped for a while is not one that has ended.
set +m
wait "$child" 2>/dev/null
code=$?
# What the shell says of the killed is not the program's.
exec 2>/dev/null
kill -s KILL -- "-$child"
if [ -e "$folder/.abandoned" ]; then rm -rf "$folder"; fi
kill -s KILL -- "-$line"
exit "$code"
