/* Makes a server that dst starts repeatable; loaded with LD_PRELOAD. It freezes the wall clock.
 *
 * DST_CLOCK names a file that holds one native 64-bit integer: the time to tell, in milliseconds since 1970.
 * The file is mapped, so that whoever writes it moves the clock. CLOCK_MONOTONIC and all other clocks stay real:
 * the server's timers go on. Without DST_CLOCK nothing changes.
 *
 * A request can move the clock, too, between the requests before it and behind it: strtod of the file's name, '@' and
 * a time sets the clock to that, and finds no number.
 *
 * Redis 7.0's SORT looks at errno after strtod, which sets it only where a number is out of range: one that was
 * so long ago, in any command, makes every later SORT of fractions fail. Here strtod starts with errno 0.
 *
 * The server also asks to be killed when the thread that started it ends, however it ends. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *frozen_ms;
static const char *clock_name;
static size_t clock_name_length;
static int (*next_clock_gettime)(clockid_t, struct timespec *);
static double (*next_strtod)(const char *, char **);

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("DST_CLOCK");
    if (path != NULL) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0) {
            void *map = mmap(NULL, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            if (map != MAP_FAILED) {
                frozen_ms = map;
                clock_name = strdup(path);
                clock_name_length = clock_name != NULL ? strlen(clock_name) : 0;
            }
            close(fd);
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    next_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    next_strtod = (double (*)(const char *, char **))dlsym(RTLD_NEXT, "strtod");
}

/* The frozen time as whole seconds, and the nanoseconds beyond them (never negative). */
static struct timespec frozen(void) {
    int64_t ms = *frozen_ms;
    int64_t rest_ms = ms % 1000;
    if (rest_ms < 0) rest_ms += 1000;
    return (struct timespec){.tv_sec = (ms - rest_ms) / 1000, .tv_nsec = rest_ms * 1000000};
}

int clock_gettime(clockid_t clock, struct timespec *out) {
    if (frozen_ms != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        *out = frozen();
        return 0;
    }
    /* jemalloc reads the clock before the constructor has run */
    if (next_clock_gettime == NULL) return (int)syscall(SYS_clock_gettime, clock, out);
    return next_clock_gettime(clock, out);
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    (void)zone; /* obsolete: nothing sets it */
    struct timespec now;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    if (result == 0 && out != NULL) *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return result;
}

time_t time(time_t *out) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return (time_t)-1;
    if (out != NULL) *out = now.tv_sec;
    return now.tv_sec;
}

/* True where `text` names the clock and a time; the clock then tells that time. */
static int moves_clock(const char *text) {
    if (clock_name_length == 0 || text[0] != clock_name[0]) return 0;
    if (strncmp(text, clock_name, clock_name_length) != 0 || text[clock_name_length] != '@') return 0;
    *frozen_ms = strtoll(text + clock_name_length + 1, NULL, 10);
    return 1;
}

double strtod(const char *restrict text, char **restrict end) {
    errno = 0;
    if (moves_clock(text)) {
        if (end != NULL) *end = (char *)text;
        return 0.0;
    }
    if (next_strtod == NULL) return strtold(text, end); /* before the constructor has run: nobody sorts yet */
    return next_strtod(text, end);
}
