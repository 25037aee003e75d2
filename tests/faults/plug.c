/* A plug between SQLite and the system, loaded into programs under test only (LD_PRELOAD): it kills the process at the
   n-th write or sync of a database file, in the middle of that write. Nothing of the product knows about it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long left = 0; /* 0: not armed */
static atomic_long seen = 0;

void plug_arm(long n) { atomic_store(&left, n); }
long plug_seen(void) { return atomic_load(&seen); }

static int is_database(int fd) {
    char link[64], path[1024];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    const char *name = strrchr(path, '/');
    return name && strstr(name, ".db") && !strstr(name, ".lock");
}

/* Whether this call is the one to die in. */
static int due(int fd) {
    if (!is_database(fd)) return 0;
    atomic_fetch_add(&seen, 1);
    return atomic_load(&left) > 0 && atomic_fetch_sub(&left, 1) == 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite(int fd, const void *b, size_t n, off_t at) {
    if (due(fd)) { REAL(pwrite)(fd, b, n / 2, at); kill(getpid(), SIGKILL); }
    return REAL(pwrite)(fd, b, n, at);
}
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t at) {
    if (due(fd)) { REAL(pwrite64)(fd, b, n / 2, at); kill(getpid(), SIGKILL); }
    return REAL(pwrite64)(fd, b, n, at);
}
ssize_t write(int fd, const void *b, size_t n) {
    if (due(fd)) { REAL(write)(fd, b, n / 2); kill(getpid(), SIGKILL); }
    return REAL(write)(fd, b, n);
}
int fsync(int fd) {
    if (due(fd)) kill(getpid(), SIGKILL);
    return REAL(fsync)(fd);
}
int fdatasync(int fd) {
    if (due(fd)) kill(getpid(), SIGKILL);
    return REAL(fdatasync)(fd);
}
int ftruncate(int fd, off_t n) {
    if (due(fd)) kill(getpid(), SIGKILL);
    return REAL(ftruncate)(fd, n);
}
int ftruncate64(int fd, off64_t n) {
    if (due(fd)) kill(getpid(), SIGKILL);
    return REAL(ftruncate64)(fd, n);
}
