#!/usr/bin/env bash
# Makes the site of the documentation at target/book/html.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Raise it here and nowhere else.
version=0.5.4
tools="$PWD/target/tools"

if ! "$tools/bin/mdbook" --version 2>/dev/null | grep -qxF "mdbook v$version"; then
  echo "Building mdBook $version, which makes the site, below target/tools."
  "${CARGO:-cargo}" install mdbook --version "$version" --locked --no-default-features --features search \
    --root "$tools" --target-dir target/tools/build --quiet
  rm -rf target/tools/build
fi

# All that the repository holds, so that every link between pages, and from a page to a file, stays true.
source=target/book/src
rm -rf target/book && mkdir -p "$source"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
  [ ! -f "$file" ] || printf '%s\0' "$file"
done | xargs -0 cp --parents --target-directory "$source"
# The contents are written as docs/SUMMARY.md sees the pages, and read from the root.
sed -E 's#\]\(([^.)][^)]*)\)#](docs/\1)#; s#\]\(\.\./#](#' docs/SUMMARY.md >"$source/SUMMARY.md"
rm "$source/docs/SUMMARY.md"

"$tools/bin/mdbook" build
# mdBook makes index.html of a README.md, and leaves links to it as they are.
find "$source" -name README.md -printf '%P\n' | while read -r page; do
  made="target/book/html/$(dirname "$page")"
  [ ! -f "$made/index.html" ] || cp "$made/index.html" "$made/README.html"
done
echo "Open target/book/html/index.html"
