# Runs a server in a session of its own, and sees to it that it never outlives whoever started this script.
#
# Usage: sh watchdog.sh FOLDER COMMAND…   Prints the server's process id, then heeds one order a line:
#   stop   asks the server to end (SIGTERM), and does not wait
#   end    kills what is left of it, prints its exit code, and ends
# When standard input ends, because who holds its other end closed it, panicked or was killed, the server is killed with
# all its children, and FOLDER is removed.

folder=$1
shift
setsid "$@" </dev/null >>"$folder/log" 2>&1 &
server=$!
echo "$server"

# Until setsid has made the session there is no group to kill.
finish() {
  kill -KILL "-$server" || kill -KILL "$server"
  wait "$server"
} 2>/dev/null

while read -r order; do
  case $order in
    stop) kill -TERM "$server" ;;
    end)
      finish
      echo "$?"
      exit
      ;;
  esac
done
finish
rm -rf "$folder"
