# Sourced by the scripts of this directory: names, places and the engine's client.
set -euo pipefail

lab_dir="${HALE_CACHE_DIR:-$HOME/.cache/hale}/lab"
engine_socket="$lab_dir/docker.sock"
engine_pidfile="$lab_dir/docker.pid"
# Where another program set an init up differently, it is not ours: only names with this prefix are touched.
host_prefix="hale-lab-"
suite="${HALE_LAB_SUITE:-bookworm}"
image="hale-lab:$suite"

die() { echo "$(basename "$0"): $*" >&2; exit 1; }

need_root() { [ "$(id -u)" = 0 ] || die "needs root (it starts containers); run it as root"; }

engine() { docker --host "unix://$engine_socket" "$@"; }

engine_answers() { [ -S "$engine_socket" ] && engine version >/dev/null 2>&1; }

# need_programs PROGRAM=PACKAGE…: says in one line what is missing; with install=yes, installs it (Debian).
need_programs() {
  local missing=() pair
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "${install:-no}" = yes ] && command -v apt-get >/dev/null; then
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >&2
  else
    die "missing: ${missing[*]}; install with: lab/engine up --install (as root, on Debian)"
  fi
}

# usage: prints the comment at the head of the calling script.
usage() { awk 'NR > 1 && /^# shellcheck/ { exit } NR > 1 && /^#/ { sub(/^# ?/, ""); print; next } NR > 1 { exit }' "$0"; }
