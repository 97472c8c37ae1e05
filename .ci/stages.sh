# Copyright 2026 rtseg_ros maintainers
# SPDX-License-Identifier: Apache-2.0
# What the scripts beside this one share. To be sourced in the root of the repository.

PATH=$PATH:/usr/sbin:/sbin  # of debootstrap and what it calls; not every root has it

stage() {  # a name, then a command
  local name=$1 status=0 start=$SECONDS
  shift
  "$@" || status=$?
  echo "stage '$name': $(((SECONDS - start + 30) / 60)) minutes, status $status"
  return "$status"
}

# Say why packages of Debian cannot be installed here, or nothing.
why_not_debian() {
  if ! [ -e /etc/debian_version ] || ! command -v apt-get >/dev/null; then
    echo 'this is no Debian or Ubuntu'
  elif [ "$(id -u)" != 0 ]; then
    echo 'packages are installed, which takes root'
  fi
}

# Install those of the named packages that are not there.
debian_packages() {
  local package wanted=()
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || wanted+=("$package")
  done
  if [ ${#wanted[@]} -gt 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      "${wanted[@]}" >/dev/null
  fi
}
