# After the files are gone. The record in /var/lib/jit stays: it is evidence, and rpm knows no purge.
if [ "$1" = 0 ]; then
    if command -v selinuxenabled >/dev/null 2>&1 && selinuxenabled; then
        semodule -r jit >/dev/null 2>&1 || :
    fi
    rm -rf /run/jit
    [ ! -e /var/lib/jit ] || echo "The record stays in /var/lib/jit; delete it yourself where it may go."
fi
[ ! -d /run/systemd/system ] || systemctl daemon-reload || :
