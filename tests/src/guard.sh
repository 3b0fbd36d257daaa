# Starts a program and outlives whoever asked for it, so that nothing is left behind.
# arguments: FOLDER STDIN PROGRAM ARGUMENT...
# Standard input is the line to the test: each line is the name of a signal for the program. When the line closes
# (the test is done, or it died in whatever way) the program and all it started are killed and FOLDER is removed.
folder=$1 input=$2
shift 2
# What the shell says of its jobs is not the program's: the program alone has the log of errors.
exec 3<&0 <"$input" 4>&2 2>/dev/null
set -m
"$@" 2>&4 3<&- 4>&- &
child=$!
{
  while read -r -u 3 signal; do kill -s "$signal" "$child"; done
  : >"$folder/.abandoned"
  kill -s KILL -- "-$child"
} 4>&- &
line=$!
exec 4>&-
# Without job control a program that is stopped for a while is not one that has ended.
set +m
wait "$child"
code=$?
kill -s KILL -- "-$child"
if [ -e "$folder/.abandoned" ]; then rm -rf "$folder"; fi
kill -s KILL -- "-$line"
exit "$code"
