#!/usr/bin/env bash
# requirements/install.sh FOLDER PINS: a virtual environment with exactly these pins and the project itself.
set -euo pipefail
folder=$1
pins=$2
python=${PYTHON:-python3}

say() { printf '\n%s\n' "$*" >&2; }

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { say "Spondyl needs Python 3.11 or newer; say PYTHON=python3.11 make ..."; exit 2; }

if [ ! -x "$folder/bin/python" ]; then
  "$python" -m venv "$folder" || uv venv --quiet --python "$python" "$folder"
fi

if command -v uv >/dev/null 2>&1; then
  uv=uv
else
  uv=$folder/bin/uv
  [ -x "$uv" ] || "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
fi

# uv and pip read different settings: behind a mirror only pip may know the way.
say "Installing $pins into $folder ..."
if "$uv" pip install --quiet --python "$folder/bin/python" --require-hashes -r "$pins"; then
  "$uv" pip install --quiet --python "$folder/bin/python" --no-deps --editable .
else
  say "uv could not; trying pip."
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$pins"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --editable .
fi
