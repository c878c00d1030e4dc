# After the files are there. No PAM file is touched; an upgrade keeps the sockets, and what waits in them.
systemd-sysusers /usr/lib/sysusers.d/jit.conf
systemd-tmpfiles --create /usr/lib/tmpfiles.d/jit.conf || :
if command -v selinuxenabled >/dev/null 2>&1 && selinuxenabled && [ -f /usr/share/selinux/packages/jit.pp ]; then
    semodule -i /usr/share/selinux/packages/jit.pp || echo "the SELinux module jit could not be loaded: see /usr/share/doc/pam-jit/install.md" >&2
    restorecon -R /usr/sbin/jitd /usr/bin/jit /etc/jit /run/jit /var/lib/jit /var/lib/jit-enable 2>/dev/null || :
fi
if [ "$1" = 1 ]; then
    # Whatever the presets say: a gate whose sockets are not there after a boot lets nobody in.
    systemctl enable jitd.socket jitd-user.socket jitd.service jit-rollback.path >/dev/null || :
fi
# As jitd reads it, who is not root, with the groups that systemd gives it. setpriv takes each number for a name first, which
# the name service is asked for too; where it does not answer, a jitd that was started now would wait for it as well.
valid() {
    groups=$(timeout 20 id -G jitd) || return 1
    groups="$groups $(systemctl show --property=SupplementaryGroups --value jitd.service 2>/dev/null)"
    timeout 20 setpriv --reuid jitd --regid jitd --groups "$(echo $groups | tr ' ' ,)" env JIT_SOCKET=/nonexistent jit policy check >/dev/null 2>&1
}
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
    # Started where they are not; a socket that is open stays as it is.
    systemctl start jit-rollback.path jitd.socket jitd-user.socket || :
    systemctl try-restart jit-notify.service >/dev/null 2>&1 || :
    # Without a policy it would let nobody in; the one that runs has the policy that was in force.
    if valid || ! systemctl --quiet is-active jitd.service; then
        systemctl restart jitd.service || echo "jitd does not start: systemctl status jitd" >&2
    else
        echo "pam-jit: the policy in /etc/jit is not valid for jitd, so it was not restarted: the one before this upgrade goes on, with the policy that was in force." >&2
        echo "pam-jit: jit policy check, or jit doctor, says why (a name service that does not say which groups jitd is in counts too); mend it before anything else restarts jitd, as needrestart does; and then: systemctl restart jitd" >&2
    fi
fi
