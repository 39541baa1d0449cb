#!/bin/sh
# Stands in for Docker: answers `docker version`, and `docker run … --publish HOST:PORT:6379 IMAGE redis-server ARGS`
# by the redis-server of this machine. Its calls are noted in `calls` beside it.
echo "$@" >> "$(dirname "$0")/calls"
[ "$1" = run ] || exit 0
while [ "$1" != --publish ]; do shift; done
port=${2#*:}
shift 4
exec redis-server --port "${port%:*}" "$@"
