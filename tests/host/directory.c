/* A directory of groups that a test can stop, as libc asks one: "Name Service Switch" in the GNU C Library manual.
 * It takes the place of Debian's hesiod source. Only jitd sees it fail: sudo and sshd look up groups of their own.
 *   /run/directory/down        it cannot be asked
 *   /run/directory/hold-NAME   it does not answer about this user while the file is there
 *   /run/directory/hold-groups it does not answer about any group while the file is there
 * Everybody whose name is in /run/directory/contractors is in the group contractors, 4242. */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GID 4242

static int in_jitd(void) { return strcmp(program_invocation_short_name, "jitd") == 0; }

enum nss_status _nss_hesiod_initgroups_dyn(const char *user, gid_t gid, long *start, long *size, gid_t **groups, long limit, int *errnop)
{
    char line[256];
    FILE *members;
    (void)gid;
    (void)limit;
    if (in_jitd()) {
        snprintf(line, sizeof line, "/run/directory/hold-%s", user);
        while (access(line, F_OK) == 0)
            usleep(10000);
        if (access("/run/directory/down", F_OK) == 0) {
            *errnop = ENOENT;
            return NSS_STATUS_UNAVAIL;
        }
    }
    members = fopen("/run/directory/contractors", "re");
    if (!members)
        return NSS_STATUS_NOTFOUND;
    while (fgets(line, sizeof line, members)) {
        line[strcspn(line, "\n")] = 0;
        if (strcmp(line, user) == 0) {
            if (*start == *size) {
                *size *= 2;
                *groups = realloc(*groups, *size * sizeof **groups);
            }
            (*groups)[(*start)++] = GID;
        }
    }
    fclose(members);
    return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_hesiod_getgrgid_r(gid_t gid, struct group *group, char *buffer, size_t length, int *errnop)
{
    static char *nobody[] = { NULL };
    if (gid != GID) {
        *errnop = ENOENT;
        return NSS_STATUS_NOTFOUND;
    }
    snprintf(buffer, length, "contractors");
    group->gr_name = group->gr_passwd = buffer;
    group->gr_gid = GID;
    group->gr_mem = nobody;
    return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_hesiod_getgrnam_r(const char *name, struct group *group, char *buffer, size_t length, int *errnop)
{
    (void)name, (void)group, (void)buffer, (void)length;
    while (in_jitd() && access("/run/directory/hold-groups", F_OK) == 0)
        usleep(10000);
    *errnop = ENOENT;
    return NSS_STATUS_NOTFOUND;
}
