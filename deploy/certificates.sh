# What make-local-ca and make-keyd-ca have in common. Sourced; expects `set -euo pipefail`.
# shellcheck shell=bash

# read_arguments ARGUMENT…: sets `dir` (its default stands in it) and `names`; --help and mistakes end the script.
read_arguments() {
  local me=deploy/${0##*/}
  names=()
  while (($#)); do
    case $1 in
      --dir)
        shift
        if [[ -z ${1:-} ]]; then echo "$me: --dir needs a folder" >&2 && exit 2; fi
        dir=$1
        ;;
      --help | -h) usage && exit 0 ;;
      -*) echo "$me: unknown option $1" >&2 && usage >&2 && exit 2 ;;
      *)
        if [[ ! $1 =~ ^(\*\.)?[A-Za-z0-9._:-]+$ ]]; then
          echo "$me: \"$1\" is neither a DNS name nor an IP address" >&2 && exit 2
        fi
        names+=("$1")
        ;;
    esac
    shift
  done
  if ! command -v openssl > /dev/null; then
    echo "$me: needs openssl: apt-get install openssl" >&2 && exit 1
  fi
}

# Of this machine and of every name.
alternatives_of() {
  local alternatives="DNS:localhost,IP:127.0.0.1,IP:::1" name
  for name in "$@"; do
    if [[ $name =~ ^[0-9.]+$ || $name == *:* ]]; then
      alternatives+=",IP:$name"
    else
      alternatives+=",DNS:$name"
    fi
  done
  echo "$alternatives"
}

# Makes `dir`, and `work` in it, which goes with the script.
open_folder() {
  umask 077
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  work=$(mktemp -d "$dir/.new.XXXXXX")
  trap 'rm -rf "$work"' EXIT
}

quietly() { "$@" 2> "$work/log" || { cat "$work/log" >&2 && exit 1; }; }

# make_authority NAME: ca.pem and ca-key.pem, where there are none.
make_authority() {
  if [[ -s $dir/ca.pem && -s $dir/ca-key.pem ]]; then return; fi
  quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -days 3650 -subj "/CN=$1" \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
    -keyout "$work/ca-key.pem" -out "$work/ca.pem"
  mv "$work/ca-key.pem" "$work/ca.pem" "$dir/"
  chmod 644 "$dir/ca.pem"
}

# make_certificate FILE NAME serverAuth|clientAuth ALTERNATIVES: FILE.pem and FILE-key.pem, valid for 397 days.
make_certificate() {
  quietly openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -subj "/CN=$2" \
    -keyout "$work/$1-key.pem" -out "$work/request.pem"
  cat > "$work/extensions" <<EXTENSIONS
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=$3
subjectAltName=$4
EXTENSIONS
  quietly openssl x509 -req -in "$work/request.pem" -CA "$dir/ca.pem" -CAkey "$dir/ca-key.pem" \
    -set_serial "0x$(openssl rand -hex 16)" -sha256 -days 397 -extfile "$work/extensions" -out "$work/$1.pem"
  # The key first: a program that reads them in between keeps the old pair.
  mv "$work/$1-key.pem" "$dir/$1-key.pem"
  mv "$work/$1.pem" "$dir/$1.pem"
  chmod 644 "$dir/$1.pem"
}
