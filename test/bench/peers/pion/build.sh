#!/bin/sh
# Build a driver against Debian's golang-github-pion-webrtc.v3-dev: build.sh OUTPUT [SOURCE]
set -eu
output=$1
source=${2:-$(dirname "$0")/main.go}
# Packages of Debian are found by GOPATH; their version suffixes are only understood for code that lies in a
# GOPATH itself and has a go.mod.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/src/bench"
cp "$source" "$work/src/bench/main.go"
printf 'module bench\n' >"$work/src/bench/go.mod"
cd "$work/src/bench"
GO111MODULE=off GOFLAGS="" GOCACHE="$work/cache" GOPATH="$work:/usr/share/gocode" go build -o "$output" .
