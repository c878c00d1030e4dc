# Before the files go. Our lines go first: a line whose module is gone lets nobody in.
if [ "$1" = 0 ]; then
    refused=
    jit disable --all || refused=$?
    left=$(grep -lsE '^[^#]*pam_jit\.so' /etc/pam.d/*)
    if [ -n "$left" ]; then
        echo "pam-jit stays installed: these files still name pam_jit.so, and without it nobody could come in through them:" >&2
        echo "$left" >&2
        # As jit disable says it: a line that goes on behind \ goes as one, a comment stays.
        printf '%s\n  %s %s\n' "Take its lines out, and remove the package again:" "LC_ALL=C sed -Ezi --follow-symlinks ':a;s/((^|\\n)[^#\\n]*)\\\\[ \\t]*\\n/\\1 /;ta;:b;s/(^|\\n)([^#\\n]*pam_jit\\.so|# (>>>|<<<) pam-jit)[^\\n]*\\n?/\\1/;tb'" "$(echo $left)" >&2
        exit 1
    fi
    # 1: jit is there, and has said what it leaves. A jit that is gone or broken leaves nothing, as was just seen.
    if [ "$refused" = 1 ]; then
        echo "pam-jit stays installed, as jit disable --all refuses. Mend what it says, and remove the package again." >&2
        exit 1
    fi
    systemctl --no-reload disable jitd.socket jitd-user.socket jitd.service jit-rollback.path >/dev/null 2>&1 || :
    systemctl --no-reload disable jit-metrics.timer jit-notify.service >/dev/null 2>&1 || :
    if [ -d /run/systemd/system ]; then
        systemctl stop jit-metrics.timer jit-notify.service >/dev/null 2>&1 || :
        systemctl stop jit-rollback.path jit-rollback.service jitd.socket jitd-user.socket jitd.service || :
    fi
fi
