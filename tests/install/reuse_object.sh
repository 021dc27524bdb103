#!/bin/sh
# A launcher of the compiler: gives out the object that the main build made of the same source, and
# compiles what that does not have, and one file that includes the most, so that the flags and
# include paths of the host's tree are tried.
#
#   reuse_object.sh SOURCE_DIR BUILD_DIR COMPILER ARGUMENTS...
set -eu
source_dir=$1
build_dir=$2
shift 2

object= file= previous=
for word; do
  case $previous in
    -o) object=$word ;;
    -c) file=$word ;;
  esac
  previous=$word
done

case $file in
  "$source_dir"/lib/api/message_store.cc) ;;
  "$source_dir"/lib/*)
    made=$build_dir/lib/CMakeFiles/weir_lib.dir/${file#"$source_dir"/lib/}.o
    if [ -f "$made" ] && [ ! "$file" -nt "$made" ]; then
      exec cp "$made" "$object"
    fi
    ;;
esac
exec "$@"
