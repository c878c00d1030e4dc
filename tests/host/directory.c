/* A directory of groups that a test can stop, as libc asks one: "Name Service Switch" in the GNU C Library manual.
 * It takes the place of Debian's hesiod source, or of another (-DSOURCE), and finds groups in whatever case. Only jitd sees it fail:
 * sudo and sshd look up groups of their own.
 *   /run/directory/down        it cannot be asked, and says so, or finds nobody (-DDOWN)
 *   /run/directory/hold-NAME   it does not answer about this user while the file is there
 *   /run/directory/hold-groups it does not answer about any group while the file is there
 *   /run/directory/hold-jit    it answers the command jit, or whichever is named, nothing while the file is there
 *   /run/directory/cached      whose groups these are it knows all the same, and no names of groups (with -DDOWN=NSS_STATUS_NOTFOUND)
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
#ifndef SOURCE
#define SOURCE hesiod
#endif
#ifndef DOWN
#define DOWN NSS_STATUS_UNAVAIL
#endif
#define JOINED(source, function) _nss_##source##_##function
#define NAMED(source, function) JOINED(source, function)
#define FUNCTION(function) NAMED(SOURCE, function)

static int in_jitd(void) { return strcmp(program_invocation_short_name, "jitd") == 0; }

static int down(void) { return in_jitd() && access("/run/directory/down", F_OK) == 0; }

static int holds(void)
{
    char line[256];
    snprintf(line, sizeof line, "/run/directory/hold-%s", program_invocation_short_name);
    return access(line, F_OK) == 0;
}

static enum nss_status found(struct group *group, char *buffer, size_t length)
{
    static char *nobody[] = { NULL };
    snprintf(buffer, length, "contractors");
    group->gr_name = group->gr_passwd = buffer;
    group->gr_gid = GID;
    group->gr_mem = nobody;
    return NSS_STATUS_SUCCESS;
}

enum nss_status FUNCTION(initgroups_dyn)(const char *user, gid_t gid, long *start, long *size, gid_t **groups, long limit, int *errnop)
{
    char line[256];
    FILE *members;
    enum nss_status known = NSS_STATUS_NOTFOUND;
    (void)gid;
    (void)limit;
    while (holds())
        usleep(10000);
    if (in_jitd()) {
        snprintf(line, sizeof line, "/run/directory/hold-%s", user);
        while (access(line, F_OK) == 0)
            usleep(10000);
    }
    if (down() && access("/run/directory/cached", F_OK) != 0) {
        *errnop = ENOENT;
        return DOWN;
    }
    members = fopen("/run/directory/contractors", "re");
    if (!members)
        return NSS_STATUS_NOTFOUND;
    while (fgets(line, sizeof line, members)) {
        line[strcspn(line, "\n")] = 0;
        if (strcmp(line, user) == 0) {
            known = NSS_STATUS_SUCCESS;
            if (*start == *size) {
                *size *= 2;
                *groups = realloc(*groups, *size * sizeof **groups);
            }
            (*groups)[(*start)++] = GID;
        }
    }
    fclose(members);
    return known;
}

enum nss_status FUNCTION(getgrgid_r)(gid_t gid, struct group *group, char *buffer, size_t length, int *errnop)
{
    if (gid == GID && !(down() && DOWN == NSS_STATUS_NOTFOUND))
        return found(group, buffer, length);
    *errnop = ENOENT;
    return NSS_STATUS_NOTFOUND;
}

enum nss_status FUNCTION(getgrnam_r)(const char *name, struct group *group, char *buffer, size_t length, int *errnop)
{
    while (holds() || (in_jitd() && access("/run/directory/hold-groups", F_OK) == 0))
        usleep(10000);
    if (strcasecmp(name, "contractors") == 0)
        return found(group, buffer, length);
    *errnop = ENOENT;
    return NSS_STATUS_NOTFOUND;
}
