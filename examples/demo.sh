#!/bin/sh
# Shows that nothing acknowledged is lost when a process is killed: appends real events with the
# tool `weir`, kills it with SIGKILL in the middle, appends the rest, reads everything back and
# compares it with the input, byte for byte.
#
#   examples/demo.sh BUILD_DIR        BUILD_DIR holds the tool `weir`
#
# Exit status 0 if everything is there. Needs no root, and leaves nothing behind.
set -eu

weir=${1:?usage: demo.sh BUILD_DIR}/weir
sample=$(dirname "$0")/data/events.tsv
copies=100

append() {
  exec "$weir" append "$store" --topic=events --tag_field=2 --key_field=3 --ordering_field=4 "$@"
}

fail() {
  echo "demo: $*" >&2
  exit 1
}
[ -x "$weir" ] || fail "there is no tool at $weir"

work=$(mktemp -d "${TMPDIR:-/tmp}/weir_demo.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
store=$work/store

i=0
while [ $i -lt $copies ]; do
  cat "$sample"
  i=$((i + 1))
done >"$work/input"
lines=$(($(wc -l <"$work/input")))
bytes=$(($(wc -c <"$work/input")))
half=$((lines / 2))
echo "input        $lines events, $bytes bytes ($copies times the sample)"

# The first half comes as fast as it can be taken, then the source pauses, so that even the fastest
# machine is killed before the end. Acknowledged is what the tool has printed a position for.
: >"$work/acks"
{
  head -n "$half" "$work/input"
  sleep 2
  tail -n "+$((half + 1))" "$work/input"
} 2>/dev/null | append --ack >"$work/acks" 2>"$work/errors" &
victim=$!
while [ "$(wc -l <"$work/acks")" -lt $((half / 2)) ]; do
  kill -0 "$victim" 2>/dev/null || fail "the tool ended early: $(cat "$work/errors")"
  sleep 0.01
done
kill -KILL "$victim"
# The shell says "Killed" here; we know.
wait "$victim" 2>/dev/null || true
acknowledged=$(($(wc -l <"$work/acks")))
echo "killed       after $acknowledged events were acknowledged"

echo "weir info    says of the store that it left:"
"$weir" info "$store" | sed -n -e 's/^state /  &/p' -e 's/^opening /  &/p' -e 's/^log /  &/p'

"$weir" read "$store" --topic=events >"$work/survived"
survived=$(($(wc -l <"$work/survived")))
[ "$survived" -ge "$acknowledged" ] ||
  fail "LOST: $acknowledged events were acknowledged and $survived are there"
head -n "$survived" "$work/input" | cmp -s - "$work/survived" ||
  fail "LOST: what is there is not what was appended first"
head -n "$acknowledged" "$work/acks" >"$work/positions"
"$weir" read "$store" --topic=events --format=tsv --max="$acknowledged" | cut -f 1 |
  cmp -s - "$work/positions" || fail "LOST: an acknowledged event is not at its position"
echo "survived     $survived events: every acknowledged one at its position, in order"

tail -n "+$((survived + 1))" "$work/input" |
  append --latency >"$work/summary" 2>"$work/errors" ||
  fail "$(cat "$work/errors")"
sed -n 's/^weir append: recovered in \([^:]*\).*/opened       recovery took \1/p' "$work/errors"
sed 's/^append\(ed\)\{0,1\} /append       &/' "$work/summary"

"$weir" read "$store" --topic=events >"$work/output"
cmp -s "$work/input" "$work/output" || fail "what was read back differs from the input"
"$weir" verify "$store" >"$work/verified" || fail "$(cat "$work/verified")"
echo "verify       $(tail -n 1 "$work/verified")"
echo "read back    $(($(wc -l <"$work/output"))) events, $(($(wc -c <"$work/output"))) bytes: equal to the input"
