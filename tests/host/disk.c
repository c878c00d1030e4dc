/* A disk that fails when a test says so, loaded into jitd in front of libc: strace can make a call fail, but not write less.
 * Calls on files below /var/lib/jit are counted in /run/disk, which the test reads and writes: five numbers of 32 bits. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SHORT = -1, KILL = -2, KILL_HALFWAY = -3, HANG = -4 };
enum { ANY = 0, RENAME = 1, SYNC = 2 };
enum { ALL_LIKE_IT = 1, ALL = 2 };

static struct control {
    int32_t calls; /* so many came */
    int32_t at;    /* the one that fails; 0: none */
    int32_t how;   /* an errno, or one of the above */
    int32_t on;    /* and all after it that count, or all of any kind */
    int32_t only;  /* calls of this kind alone count */
} *control;

__attribute__((constructor)) static void begin(void)
{
    int fd = open("/run/disk", O_RDWR | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    control = map == MAP_FAILED ? NULL : map;
}

/* What becomes of this call: 0 if nothing. */
static int fate(const char *path, int kind)
{
    int32_t number, counts = control && (control->only == ANY || control->only == kind);
    if (!control || strncmp(path, "/var/lib/jit/", 13) != 0 || (!counts && control->on != ALL))
        return 0;
    number = __atomic_add_fetch(&control->calls, counts, __ATOMIC_SEQ_CST);
    if (control->at == 0 || number < control->at || (number > control->at && !control->on))
        return 0;
    if (control->how == KILL)
        kill(getpid(), SIGKILL);
    if (control->how != HANG)
        return control->how;
    while (__atomic_load_n(&control->at, __ATOMIC_SEQ_CST) != 0)
        usleep(1000);
    return 0;
}

static int fate_of(int fd, int kind)
{
    char link[40], path[PATH_MAX];
    ssize_t length;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    return fate(path, kind);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
/* A call that fails as a whole; what can be done halfway is written out below. */
#define FAIL(how)                                \
    if ((how) > 0 || (how) == KILL_HALFWAY) {    \
        if ((how) == KILL_HALFWAY)               \
            kill(getpid(), SIGKILL);             \
        errno = (how);                           \
        return -1;                               \
    }

#define OPENING(name)                                   \
    int name(const char *path, int flags, ...)          \
    {                                                   \
        int how = fate(path, ANY);                      \
        mode_t mode;                                    \
        va_list rest;                                   \
        va_start(rest, flags);                          \
        mode = va_arg(rest, mode_t);                    \
        va_end(rest);                                   \
        FAIL(how)                                       \
        return REAL(name)(path, flags, mode);           \
    }
OPENING(open)
OPENING(open64)

#define WRITING(name, parameters, arguments)                        \
    ssize_t name parameters                                         \
    {                                                               \
        int how = fate_of(fd, ANY);                                 \
        if (how > 0) {                                              \
            errno = how;                                            \
            return -1;                                              \
        }                                                           \
        if (how < 0)                                                \
            size /= 2;                                              \
        ssize_t written = REAL(name) arguments;                     \
        if (how == KILL_HALFWAY)                                    \
            kill(getpid(), SIGKILL);                                \
        return written;                                             \
    }
WRITING(write, (int fd, const void *from, size_t size), (fd, from, size))
WRITING(pwrite, (int fd, const void *from, size_t size, off_t place), (fd, from, size, place))
WRITING(pwrite64, (int fd, const void *from, size_t size, off64_t place), (fd, from, size, place))

#define WITH_FD(name, kind, parameters, arguments) \
    int name parameters                            \
    {                                              \
        int how = fate_of(fd, kind);               \
        FAIL(how)                                  \
        return REAL(name) arguments;               \
    }
WITH_FD(fsync, SYNC, (int fd), (fd))
WITH_FD(fdatasync, SYNC, (int fd), (fd))
WITH_FD(ftruncate, ANY, (int fd, off_t size), (fd, size))
WITH_FD(ftruncate64, ANY, (int fd, off64_t size), (fd, size))

/* This one returns what failed. */
#define RESERVING(name, type)                                        \
    int name(int fd, type from, type size)                           \
    {                                                                \
        int how = fate_of(fd, ANY);                                  \
        if (how == KILL_HALFWAY)                                     \
            kill(getpid(), SIGKILL);                                 \
        return how > 0 ? how : REAL(name)(fd, from, size);           \
    }
RESERVING(posix_fallocate, off_t)
RESERVING(posix_fallocate64, off64_t)

int unlink(const char *path)
{
    int how = fate(path, ANY);
    FAIL(how)
    return REAL(unlink)(path);
}

int rename(const char *from, const char *to)
{
    int how = fate(from, RENAME);
    FAIL(how)
    return REAL(rename)(from, to);
}
