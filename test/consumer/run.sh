#!/bin/sh
# Install a build, then build and run a ten-line program against the installed tree: by CMake package,
# shared and static, by pkg-config, and from C++, where every function must link. Then the same with weir inside the program's own build,
# by add_subdirectory and by FetchContent. Last, what is missing is named at configure time.
set -eu
cd "$(dirname "$0")/../.."
build=$1
crypto=$(sed -n 's/^WEIR_CRYPTO:STRING=//p' "$build/CMakeCache.txt")
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cmake --install "$build" --prefix "$tree/usr" >/dev/null
cmake -S test/consumer -B "$tree/build" -DCMAKE_PREFIX_PATH="$tree/usr" >/dev/null
cmake --build "$tree/build" >/dev/null
libdir=$(dirname "$(find "$tree/usr" -name libweir.so)")
LD_LIBRARY_PATH="$libdir" "$tree/build/consumer_shared"
"$tree/build/consumer_static"
# weir.pc speaks of the tree it is in, whatever prefix was configured and however deep the libraries lie.
export PKG_CONFIG_PATH="$libdir/pkgconfig"
[ "$(realpath "$(pkg-config --variable=includedir weir)")" = "$(realpath "$tree/usr/include/weir")" ]
[ "$(realpath "$(pkg-config --variable=libdir weir)")" = "$(realpath "$libdir")" ]
cmake -S . -B "$tree/deep" -G Ninja -DWEIR_TESTS=OFF -DWEIR_APPS=OFF -DWEIR_CRYPTO="$crypto" \
    -DCMAKE_INSTALL_LIBDIR=lib/of/any >/dev/null
mkdir -p "$tree/moved/lib/of/any/pkgconfig"
cp "$tree/deep/weir.pc" "$tree/moved/lib/of/any/pkgconfig"
prefix=$(PKG_CONFIG_PATH="$tree/moved/lib/of/any/pkgconfig" pkg-config --variable=prefix weir)
[ "$(realpath "$prefix")" = "$(realpath "$tree/moved")" ]
flags=$(pkg-config --cflags --libs weir)
cc -std=c11 test/consumer/main.c -o "$tree/by-pkg-config" $flags
LD_LIBRARY_PATH="$libdir" "$tree/by-pkg-config"
# The program of peer/README.md, as it stands there.
sed -n '/^```c$/,/^```$/p' peer/README.md | sed '/^```/d' >"$tree/by-hand.c"
cc -std=c11 -Wall -Wextra -Werror "$tree/by-hand.c" -o "$tree/by-hand" $flags
[ "$(LD_LIBRARY_PATH="$libdir" timeout 10 "$tree/by-hand")" = hello ]
cp "$tree/by-hand.c" "$tree/by-hand.cpp"
c++ -std=c++20 -Wall -Werror "$tree/by-hand.cpp" -o "$tree/by-hand-cpp" $flags
[ "$(LD_LIBRARY_PATH="$libdir" timeout 10 "$tree/by-hand-cpp")" = hello ]
# Every function that an installed header declares, from C++, of either library: what stands outside of all
# braces, is not static and ends in a semicolon.
(cd "$tree/usr/include/weir" && find . -name '*.h' | sed 's/.*/#include "&"/') >"$tree/every.h"
cc -E -P -I"$tree/usr/include/weir" "$tree/every.h" | tr '\n' ' ' |
    sed "s/\"[^\"]*\"//g; s/'[^']*'//g; s/[;{}]/&\\n/g" | awk '
        { text = text $0 }
        /\{$/ { depth++ }
        /\}$/ { if (--depth == 0) text = "" }
        /;$/ && depth == 0 {
            if (text !~ /^ *(static|typedef) / && match(text, /weir_[a-z0-9_]+ *\(/))
                print substr(text, RSTART, RLENGTH - 1)
            text = ""
        }' | sort -u >"$tree/functions"
[ "$(wc -l <"$tree/functions")" -gt 300 ] || { echo "functions of the headers were not found"; exit 1; }
{
    cat "$tree/every.h"
    echo 'static void (*const volatile every[])() = {'
    sed 's/.*/    (void (*)())\&&,/' "$tree/functions"
    echo '};'
    echo 'int main() { for (auto f : every) if (f == nullptr) return 1; }'
} >"$tree/every.cpp"
c++ -std=c++11 -Wall -Werror "$tree/every.cpp" -o "$tree/every-shared" $flags
LD_LIBRARY_PATH="$libdir" "$tree/every-shared"
c++ -std=c++11 -Wall -Werror "$tree/every.cpp" -o "$tree/every-static" \
    $(pkg-config --static --cflags --libs weir | sed "s|-lweir|$libdir/libweir.a|")
"$tree/every-static"
# Nothing but weir_ names leaves the shared library.
strange=$(nm -D --defined-only "$libdir/libweir.so" | awk '{print $3}' | grep -v '^weir_' || true)
[ -z "$strange" ] || { echo "foreign names: $strange"; exit 1; }

# Inside another build, with the crypto provider of this one.
for way in subdirectory fetch; do
    cmake -S test/consumer/inside -B "$tree/$way" -G Ninja -DWAY=$way -DWEIR_CRYPTO="$crypto" >/dev/null
    cmake --build "$tree/$way" >/dev/null
    "$tree/$way/inside_shared"
    "$tree/$way/inside_static"
    ! [ -e "$tree/$way/bin/weir-demo" ] || { echo "programs of weir in another build"; exit 1; }
done

# Every public header alone, as C++11 and as C++20.
for header in $(cd "$tree/usr/include/weir" && find . -name '*.h'); do
    for standard in c++11 c++20; do
        echo "#include \"$header\"" |
            c++ -x c++ -std=$standard -fsyntax-only -Wall -Wextra -Wpedantic -Werror -I"$tree/usr/include/weir" -
    done
done

# Without cmocka, libwebsockets and cJSON the library is built all the same; asked for, they are named.
lacking="-DWEIR_FOUND_cmocka= -DWEIR_FOUND_websockets="
cmake -S . -B "$tree/bare" -G Ninja $lacking >"$tree/log" 2>&1
grep -q 'WEIR_TESTS is off: it needs libcmocka-dev' "$tree/log"
grep -q 'WEIR_APPS is off: it needs libwebsockets-dev' "$tree/log"
! cmake -S . -B "$tree/bare" $lacking -DWEIR_TESTS=ON >"$tree/log" 2>&1
grep -q 'apt install libcmocka-dev' "$tree/log"
! cmake -S . -B "$tree/bare2" -G Ninja -DWEIR_URING= >"$tree/log" 2>&1
grep -q 'apt install liburing-dev' "$tree/log"
