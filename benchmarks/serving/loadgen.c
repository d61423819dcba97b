// Closed- and open-loop HTTP/1.1 load generator: one thread, epoll, exact latencies.
//
//   loadgen -m closed -c 32 -d 8 -w 1.5 -a 127.0.0.1:8000 -u /path -b bodies.txt
//   loadgen -m open -r 3000 -c 4096 -d 10 -t 5 ...
//
// bodies.txt holds one request body per line; requests cycle through them.
// closed: c connections, each sends the next request when its answer is complete. Only answers that are complete
//         within the d seconds after the w of warm-up count.
// open:   Poisson arrivals at rate r for d seconds; c caps connections, an arrival that finds them all busy is 'unsent';
//         -t seconds without a complete answer is a 'timeout', and the client closes the connection.
//         With -q n, so many such arrivals wait for a connection instead, oldest first, as behind a client's pool.
//
// What keeps it honest:
// - Latency in the open loop counts from the scheduled arrival, not from when the request could be sent: a server that
//   stalls can't hide it by being asked less ("coordinated omission").
// - Every latency is kept, so percentiles are exact; none is made up for requests that took long. Of a refused request
//   the time goes into rejected_*, never into the percentiles of those answered.
// - A connection that breaks, a response that is no HTTP, a time-out: each is counted by its kind, none is tried again
//   in silence.
// - It is one thread, and shares the machine with the server: at the rates of bare echoes it takes half a core or more.
//   That holds for every server of a comparison, and hurts those most that need all cores. While every connection is
//   busy it sleeps until an answer comes, and counts the arrivals of that time afterwards, each by its own clock.
// - The arrivals' random numbers start from the same seed in every run.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct Conn {
    int fd, state;            // state: 0 closed, 1 connecting, 2 sending, 3 reading, 4 idle
    int64_t t0, sent;         // scheduled time, send time
    const char *req; size_t req_len, req_off;
    char *buf; size_t len, cap, head;   // head: offset of body, 0 = headers not complete
    long clen; int chunked, close_after, status; size_t chunk_pos;
    int recorded;
    struct Conn *prev, *next; // in-flight list, oldest first
} Conn;

static struct sockaddr_in addr;
static int ep, nconn, open_mode;
static Conn *conns; static Conn **idle; static int nidle; static Conn **unused; static int nunused;
static Conn head = {.prev = &head, .next = &head};
static char **reqs; static size_t *req_lens; static size_t nreq, next_req;
static uint32_t *lat; static size_t nlat, clat; static uint32_t *rej; static size_t nrej, crej;
static long statuses[1000], e_refused, e_connect, e_reset, e_timeout, unsent, e_parse, offered;
static int64_t win0, win1, timeout_ns, next_arrival; static double rate;
static int64_t *late; static size_t nlate, mlate, late0;   // scheduled times that wait for a connection: a ring

static int64_t now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000LL + t.tv_nsec; }
static void push(uint32_t **a, size_t *n, size_t *c, uint32_t v) {
    if (*n == *c) { *c = *c ? *c * 2 : 1 << 16; *a = realloc(*a, *c * 4); }
    (*a)[(*n)++] = v;
}
static void unlink_(Conn *c) { if (c->next) { c->prev->next = c->next; c->next->prev = c->prev; c->next = c->prev = NULL; } }
static void link_(Conn *c) { c->prev = head.prev; c->next = &head; head.prev->next = c; head.prev = c; }
static void kill_conn(Conn *c) { if (c->fd >= 0) close(c->fd); c->fd = -1; c->state = 0; unlink_(c); }
static int in_window(int64_t t) { return open_mode || (t >= win0 && t < win1); }

static int start_connect(Conn *c) {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) { e_connect++; return -1; }
    int one = 1; setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int r = connect(c->fd, (struct sockaddr *)&addr, sizeof addr);
    if (r < 0 && errno != EINPROGRESS) { if (errno == ECONNREFUSED) e_refused++; else e_connect++; close(c->fd); c->fd = -1; return -1; }
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP, .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev);
    c->state = 1; return 0;
}
static void want(Conn *c, int out) {
    struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP | (out ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
}
static void arm(Conn *c, int64_t sched) {
    c->req = reqs[next_req % nreq]; c->req_len = req_lens[next_req % nreq]; next_req++;
    c->req_off = c->len = c->head = 0; c->clen = -1; c->chunked = c->close_after = 0; c->status = 0;
    c->t0 = sched; c->sent = now(); link_(c);
}
static int try_send(Conn *c) {   // 0 ok, -1 failed
    while (c->req_off < c->req_len) {
        ssize_t n = send(c->fd, c->req + c->req_off, c->req_len - c->req_off, MSG_NOSIGNAL);
        if (n < 0) { if (errno == EAGAIN) { c->state = 2; want(c, 1); return 0; } return -1; }
        c->req_off += n;
    }
    if (c->state != 3) { int was = c->state; c->state = 3; if (was == 2 || was == 1) want(c, 0); }
    return 0;
}
static void finish(Conn *c, int64_t t) {
    unlink_(c);
    if (in_window(t)) {
        statuses[c->status]++;
        uint32_t us = (uint32_t)((t - c->t0) / 1000);
        if (c->status >= 200 && c->status < 300) push(&lat, &nlat, &clat, us); else push(&rej, &nrej, &crej, us);
    }
}
// 1 complete, 0 more, -1 bad
static int parse(Conn *c, int eof) {
    if (!c->head) {
        char *e = memmem(c->buf, c->len, "\r\n\r\n", 4);
        if (!e) return eof ? -1 : 0;
        if (c->len < 12 || memcmp(c->buf, "HTTP/1.", 7)) return -1;
        c->status = atoi(c->buf + 9); if (c->status < 100 || c->status > 999) return -1;
        c->head = e + 4 - c->buf;
        for (char *p = memchr(c->buf, '\n', c->head); p && p + 1 < e; p = memchr(p + 1, '\n', e - p)) {
            char *h = p + 1;
            if (!strncasecmp(h, "content-length:", 15)) c->clen = atol(h + 15);
            else if (!strncasecmp(h, "transfer-encoding:", 18)) c->chunked = 1;
            else if (!strncasecmp(h, "connection:", 11)) { char *v = h + 11; while (*v == ' ') v++; if (!strncasecmp(v, "close", 5)) c->close_after = 1; }
        }
        c->chunk_pos = c->head;
    }
    if (c->chunked) {
        for (;;) {
            char *p = c->buf + c->chunk_pos, *e = memmem(p, c->len - c->chunk_pos, "\r\n", 2);
            if (!e) return eof ? -1 : 0;
            size_t n = strtoul(p, NULL, 16), end = (e - c->buf) + 2 + n + 2;
            if (end > c->len) return eof ? -1 : 0;
            c->chunk_pos = end;
            if (n == 0) return 1;
        }
    }
    if (c->clen >= 0) return c->len - c->head >= (size_t)c->clen ? 1 : (eof ? -1 : 0);
    return eof ? 1 : 0;
}
static void begin_closed(Conn *c) {
    arm(c, now());
    if (c->state == 0) { if (start_connect(c) < 0) { unlink_(c); } }
    else { c->state = 4; if (try_send(c) < 0) { if (in_window(now())) e_reset++; kill_conn(c); } }
}
static void release(Conn *c) {    // after a complete answer
    if (c->close_after) kill_conn(c); else c->state = 4;
    if (open_mode) { if (c->state == 4) idle[nidle++] = c; else unused[nunused++] = c; }
    else begin_closed(c);
}
static void failed(Conn *c, long *counter) {
    if (in_window(now())) (*counter)++;
    kill_conn(c);
    if (open_mode) unused[nunused++] = c;     // closed mode: restarted by the main loop
}
static void on_event(Conn *c, uint32_t ev) {
    if (c->state == 0) return;
    if (c->state == 1) {
        if (!(ev & (EPOLLOUT | EPOLLERR | EPOLLHUP))) return;
        int err = 0; socklen_t l = sizeof err; getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &l);
        if (err) { failed(c, err == ECONNREFUSED ? &e_refused : &e_connect); return; }
        if (try_send(c) < 0) failed(c, &e_reset);
        return;
    }
    if (c->state == 4) {      // idle and the server speaks: it closed the connection
        for (int i = 0; i < nidle; i++) if (idle[i] == c) { idle[i] = idle[--nidle]; break; }
        kill_conn(c); unused[nunused++] = c; return;
    }
    if (c->state == 2 && (ev & EPOLLOUT)) if (try_send(c) < 0) { failed(c, &e_reset); return; }
    if (ev & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        for (;;) {
            if (c->cap - c->len < 4096) { c->cap = c->cap ? c->cap * 2 : 16384; c->buf = realloc(c->buf, c->cap); }
            ssize_t n = recv(c->fd, c->buf + c->len, c->cap - c->len - 1, 0);
            if (n < 0) { if (errno == EAGAIN) return; failed(c, &e_reset); return; }
            if (n > 0) { c->len += n; c->buf[c->len] = 0; }
            int r = c->len ? parse(c, n == 0) : (n == 0 ? -1 : 0);
            if (r == 1) { if (n == 0) c->close_after = 1; finish(c, now()); release(c); return; }
            if (r < 0) { failed(c, n == 0 ? &e_reset : &e_parse); return; }
        }
    }
}
static void send_at(int64_t sched) {   // on a connection that there is
    if (nidle) { Conn *c = idle[--nidle]; arm(c, sched); if (try_send(c) < 0) failed(c, &e_reset); }
    else { Conn *c = unused[--nunused]; arm(c, sched); if (start_connect(c) < 0) { unlink_(c); unused[nunused++] = c; } }
}
static void send_late(void) {
    while (nlate && (nidle || nunused)) { int64_t sched = late[late0]; late0 = (late0 + 1) % mlate; nlate--; send_at(sched); }
}
static uint64_t rs = 88172645463325252ULL;
static double uni(void) { rs ^= rs << 13; rs ^= rs >> 7; rs ^= rs << 17; return ((rs >> 11) + 1) / 9007199254740993.0; }
// The arrivals that were due by t, each with a connection if there is one now and none waits for it.
static void arrive(int64_t t) {
    while (next_arrival <= t && next_arrival < win1) {
        offered++;
        if (!nlate && (nidle || nunused)) send_at(next_arrival);
        else if (nlate < mlate) late[(late0 + nlate++) % mlate] = next_arrival;
        else unsent++;
        next_arrival += (int64_t)(-log(uni()) / rate * 1e9);
    }
}
static int cmp(const void *a, const void *b) { uint32_t x = *(uint32_t *)a, y = *(uint32_t *)b; return x < y ? -1 : x > y; }
static double pct(uint32_t *a, size_t n, double q) { if (!n) return -1; size_t i = (size_t)ceil(q * n); if (i) i--; return a[i] / 1000.0; }

int main(int argc, char **argv) {
    char *host = "127.0.0.1", *path = "/", *bodies = NULL, *ctype = "application/json"; int port = 8000, o;
    double dur = 8, warm = 1, tmo = 30; nconn = 1;
    while ((o = getopt(argc, argv, "m:c:d:w:r:t:a:u:b:y:q:")) > 0) switch (o) {
        case 'm': open_mode = optarg[0] == 'o'; break; case 'c': nconn = atoi(optarg); break;
        case 'd': dur = atof(optarg); break; case 'w': warm = atof(optarg); break;
        case 'r': rate = atof(optarg); break; case 't': tmo = atof(optarg); break;
        case 'a': { char *k = strrchr(optarg, ':'); *k = 0; host = optarg; port = atoi(k + 1); break; }
        case 'u': path = optarg; break; case 'b': bodies = optarg; break; case 'y': ctype = optarg; break;
        case 'q': mlate = atol(optarg); late = calloc(mlate + 1, sizeof *late); break;
        default: return 2; }
    struct rlimit rl = {65536, 65536}; if (setrlimit(RLIMIT_NOFILE, &rl)) { getrlimit(RLIMIT_NOFILE, &rl); rl.rlim_cur = rl.rlim_max; setrlimit(RLIMIT_NOFILE, &rl); }
    addr.sin_family = AF_INET; addr.sin_port = htons(port); inet_pton(AF_INET, host, &addr.sin_addr);
    FILE *f = bodies ? fopen(bodies, "r") : NULL; if (!f) { fprintf(stderr, "no bodies\n"); return 2; }
    char *line = NULL; size_t lc = 0; ssize_t ln;
    while ((ln = getline(&line, &lc, f)) > 0) {
        if (line[ln - 1] == '\n') ln--;
        reqs = realloc(reqs, (nreq + 1) * sizeof *reqs); req_lens = realloc(req_lens, (nreq + 1) * sizeof *req_lens);
        char *r = malloc(ln + 1024);
        int h = snprintf(r, 1024, "POST %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: %s\r\nAccept: */*\r\nContent-Length: %zd\r\n\r\n", path, host, port, ctype, ln);
        memcpy(r + h, line, ln); reqs[nreq] = r; req_lens[nreq++] = h + ln;
    }
    ep = epoll_create1(0); conns = calloc(nconn, sizeof *conns); idle = calloc(nconn + 1, sizeof *idle); unused = calloc(nconn + 1, sizeof *unused);
    for (int i = 0; i < nconn; i++) { conns[i].fd = -1; unused[nunused++] = &conns[nconn - 1 - i]; }
    timeout_ns = (int64_t)(tmo * 1e9);
    int64_t start = now(); win0 = start + (int64_t)(warm * 1e9); win1 = win0 + (int64_t)(dur * 1e9);
    if (open_mode) { win0 = start; win1 = start + (int64_t)(dur * 1e9); }
    next_arrival = start; int peak = 0;
    struct epoll_event evs[512];
    for (;;) {
        int64_t t = now();
        if (open_mode) {
            send_late();
            arrive(t);
            int fl = nconn - nidle - nunused; if (fl > peak) peak = fl;
            if (t >= win1 && ((head.next == &head && !nlate) || t >= win1 + timeout_ns + 100000000)) break;
        } else {
            if (t >= win1) break;
            for (int i = 0; i < nconn; i++) if (conns[i].state == 0) begin_closed(&conns[i]);
        }
        while (head.next != &head && t - head.next->sent > timeout_ns) failed(head.next, &e_timeout);
        int64_t w = 5000000;
        // While every connection is busy nothing can be sent: only an answer or a time-out need wake it.
        if (open_mode && next_arrival < win1 && (nidle || nunused)) {
            w = next_arrival - now(); if (w < 0) w = 0; if (w > 5000000) w = 5000000;
        }
        struct timespec ts = {0, w};
        int n = epoll_pwait2(ep, evs, 512, &ts, NULL);
        if (open_mode && n > 0) arrive(now());     // those that came before these answers found what they found
        for (int i = 0; i < n; i++) on_event(evs[i].data.ptr, evs[i].events);
    }
    long hung = nlate; for (Conn *c = head.next; c != &head; c = c->next) hung++;
    qsort(lat, nlat, 4, cmp); qsort(rej, nrej, 4, cmp);
    double sum = 0; for (size_t i = 0; i < nlat; i++) sum += lat[i];
    printf("{\"mode\":\"%s\",\"connections\":%d,\"seconds\":%.3f,\"ok\":%zu,\"rps\":%.2f,\"mean_ms\":%.3f,\"p50_ms\":%.3f,\"p95_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,",
        open_mode ? "open" : "closed", nconn, dur, nlat, nlat / dur, nlat ? sum / nlat / 1000 : -1, pct(lat, nlat, .5), pct(lat, nlat, .95), pct(lat, nlat, .99), pct(lat, nlat, 1));
    if (open_mode) printf("\"offered\":%ld,\"unsent\":%ld,\"peak_in_flight\":%d,\"drain_s\":%.2f,\"left_hanging\":%ld,", offered, unsent, peak, (now() - win1) / 1e9, hung);
    printf("\"rejected_p50_ms\":%.3f,\"rejected_p99_ms\":%.3f,\"statuses\":{", pct(rej, nrej, .5), pct(rej, nrej, .99));
    int first = 1; for (int i = 0; i < 1000; i++) if (statuses[i]) { printf("%s\"%d\":%ld", first ? "" : ",", i, statuses[i]); first = 0; }
    long errs = e_refused + e_connect + e_reset + e_timeout + e_parse + (long)nrej;
    printf("},\"refused\":%ld,\"connect_error\":%ld,\"reset\":%ld,\"timeout\":%ld,\"bad_response\":%ld,\"errors\":%ld}\n", e_refused, e_connect, e_reset, e_timeout, e_parse, errs);
    return 0;
}
