#!/usr/bin/env bash
# Installs the real gateways that the conformance tests start, each into its own folder below
# .gateways/. Says what it does, is instant when nothing changed, and never leaves a half-made
# folder that looks finished: the stamp is written last and names every pin it was made from.
#
#   bash tests/gateways/install.sh [litellm|portkey|servers]...      (default: all)
#
# `servers` are the Redis and PostgreSQL of Debian's packages, which tests start on loopback. They are
# installed where this user may; elsewhere the tests that need them are skipped, and say so.
# PYTHON chooses the interpreter for LiteLLM (default: the repository's .venv, else python3).
# GATEWAYS_DIR chooses another place (default: .gateways in the repository).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../.." && pwd)
gateways=${GATEWAYS_DIR:-$repository/.gateways}
pins=$here/pins
minimum_node=18

say() { printf 'gateways: %s\n' "$*" >&2; }
fail() {
    say "error: $*"
    exit 1
}

choose_python() {
    local candidate
    for candidate in "${PYTHON:-}" "$repository/.venv/bin/python" python3; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "no python3 found; set PYTHON to a Python 3.11 or newer"
}

make_venv() { # folder
    local python
    python=$(choose_python) || exit 1
    "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' ||
        fail "$python is $("$python" -V 2>&1); LiteLLM needs 3.11 to 3.13; set PYTHON to one"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python cannot make virtual environments (no ensurepip); on Debian: apt-get install python3-venv"
    "$python" -m venv "$1" || fail "$python could not make a virtual environment in $1"
}

pip_install() { # venv, requirements file
    # Twice quiet: warnings about other indexes of this machine say nothing here; errors still show.
    "$1/bin/python" -m pip install -qq --disable-pip-version-check --no-input -r "$2" ||
        fail "pip could not install what $2 asks for"
}

# --- what each gateway is made of ------------------------------------------------------------

fingerprint() { # gateway: the pins and this recipe
    case $1 in
        litellm) cat "$pins/litellm.txt" "$here/install.sh" ;;
        portkey) cat "$pins/node.txt" "$pins"/portkey/* "$here/install.sh" ;;
    esac | sha256sum | cut -d' ' -f1
}

works() { # gateway: what was installed still runs here (a system Node.js may have gone away)
    case $1 in
        litellm) [ -x "$gateways/litellm/bin/litellm" ] && "$gateways/litellm/bin/python" -c '' ;;
        portkey) "$gateways/portkey/bin/node" --version >/dev/null ;;
    esac 2>/dev/null
}

install_litellm() { # folder
    make_venv "$1"
    pip_install "$1" "$pins/litellm.txt"
    local wanted installed
    wanted=$(sed -n 's/^litellm\[proxy\]==//p' "$pins/litellm.txt")
    installed=$("$1/bin/python" -c 'from importlib.metadata import version; print(version("litellm"))')
    [ "$installed" = "$wanted" ] || fail "asked for litellm $wanted but got $installed"
    LITELLM_LOCAL_MODEL_COST_MAP=True "$1/bin/python" -c 'import litellm.proxy.proxy_cli' ||
        fail "litellm $installed is installed but its proxy does not import"
}

install_portkey() { # folder
    local node_bin wanted installed
    mkdir -p "$1/bin"
    node_bin=$(node_folder "$1") || exit 1
    cp "$pins"/portkey/package*.json "$1/"
    (
        cd "$1"
        PATH=$node_bin:$PATH npm ci --no-audit --no-fund --no-progress --no-update-notifier --loglevel=error
    ) >&2
    # The wheel's node is a Python script around the real one; tests start and stop the real one.
    ln -s "$("$node_bin/node" -p process.execPath)" "$1/bin/node"
    for package in @portkey-ai/gateway @hono/node-server; do
        wanted=$(pinned_npm_version "$package")
        installed=$("$1/bin/node" -p "require('$1/node_modules/$package/package.json').version")
        [ "$installed" = "$wanted" ] || fail "asked for $package $wanted but got $installed"
    done
    [ -f "$1/node_modules/@portkey-ai/gateway/build/start-server.js" ] ||
        fail "@portkey-ai/gateway has no build/start-server.js"
}

pinned_npm_version() { sed -n "s|.*\"$1\": \"\([0-9.]*\)\".*|\1|p" "$pins/portkey/package.json" | head -1; }

node_folder() { # folder for an own Node.js; prints the folder with node and npm
    local major
    if command -v node >/dev/null && command -v npm >/dev/null; then
        major=$(node -p 'process.versions.node.split(".")[0]')
        if [ "$major" -ge "$minimum_node" ]; then
            dirname "$(node -p process.execPath)"
            return
        fi
        say "node $major is older than $minimum_node: taking one from PyPI"
    else
        say "no node and npm here: taking them from PyPI"
    fi
    make_venv "$1/node"
    pip_install "$1/node" "$pins/node.txt"
    printf '%s\n' "$1/node/bin"
}

# --- once, whole, or not at all --------------------------------------------------------------

ensure() { # gateway
    local folder=$gateways/$1 stamp=$gateways/$1/.stamp fingerprint started=$SECONDS
    fingerprint=$(fingerprint "$1")
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$fingerprint" ] && works "$1"; then
        say "$1 is up to date"
        return
    fi
    say "installing $1 into $folder"
    rm -rf "$folder"
    "install_$1" "$folder"
    printf '%s\n' "$fingerprint" >"$stamp.new"
    mv "$stamp.new" "$stamp"
    say "$1 installed in $((SECONDS - started)) s"
}

ensure_servers() {
    local missing=()
    command -v redis-server >/dev/null || missing+=(redis-server)
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql)
    if [ ${#missing[@]} -eq 0 ]; then
        say "servers are there"
    elif [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        say "no ${missing[*]} here, and no way to install them: their tests will be skipped"
    else
        say "installing ${missing[*]}"
        # Debian starts a server as soon as it is installed; the tests start their own.
        apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
            say "${missing[*]} could not be installed: their tests will be skipped"
    fi
}

mkdir -p "$gateways"
# pip and npm want a home for their caches; CI containers sometimes have none.
if [ -z "${HOME:-}" ] || [ ! -w "$HOME" ]; then
    export HOME=$gateways/home
    mkdir -p "$HOME"
fi
unset PYTHONPATH PYTHONHOME

if command -v flock >/dev/null; then
    exec 9>"$gateways/.lock"
    flock -n 9 || {
        say "another install is running; waiting for it"
        flock 9
    }
fi

[ $# -gt 0 ] || set -- litellm portkey servers
for gateway in "$@"; do
    case $gateway in
        litellm | portkey) ensure "$gateway" ;;
        servers) ensure_servers ;;
        *) fail "unknown gateway '$gateway' (litellm, portkey or servers)" ;;
    esac
done
