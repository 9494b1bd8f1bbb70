#!/bin/sh
# Build the driver against Debian's golang-github-pion-webrtc.v3-dev: build.sh OUTPUT
set -eu
cd "$(dirname "$0")"
output=$1
# Packages of Debian are found by GOPATH; their version suffixes are only understood for code that lies in a
# GOPATH itself and has a go.mod.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/src/bench"
cp main.go "$work/src/bench/"
printf 'module bench\n' >"$work/src/bench/go.mod"
cd "$work/src/bench"
GO111MODULE=off GOFLAGS="" GOCACHE="$work/cache" GOPATH="$work:/usr/share/gocode" go build -o "$output" .
