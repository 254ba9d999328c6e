/* Load at a fixed rate, whether or not the server keeps up (an open loop): paced PORT RATE SECONDS CONNECTIONS FILE.
 *
 * FILE: prepared requests, each after its length (4 bytes, native); they are sent in random order. Requests are due at
 * the times of a Poisson process, as those of many independent clients. One that is due while every connection waits
 * for an answer is sent late, and its latency counts from when it was due, as in wrk2: a server that stalls can't hide
 * it. Prints "RESULT" and JSON; what was due and could not be sent within GRACE seconds of the end is "unsent".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define GRACE 10.0
#define MOST_CONNECTIONS 1024
#define ROOM 65536 /* bytes of one answer */

struct request { const char *bytes; uint32_t length; };
struct connection { int is_busy; double due; size_t filled; char answer[ROOM + 1]; };

static struct connection connections[MOST_CONNECTIONS];
static struct pollfd polled[MOST_CONNECTIONS];
static struct sockaddr_in address;
static struct request *requests;
static size_t request_count;
static uint64_t random_state;

static double now(void) {
    struct timespec read;
    clock_gettime(CLOCK_MONOTONIC, &read);
    return read.tv_sec + read.tv_nsec / 1e9;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t random_number(void) { /* xorshift64* (Vigna 2016) */
    random_state ^= random_state >> 12, random_state ^= random_state << 25, random_state ^= random_state >> 27;
    return random_state * 2685821657736338717ULL;
}

static double pause_before_next(double rate) {
    return -log(((random_number() >> 11) + 1) / 9007199254740993.0) / rate;
}

static void read_requests(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    uint32_t length;
    while (fread(&length, sizeof length, 1, file) == 1) {
        char *bytes = malloc(length);
        if (!bytes || fread(bytes, 1, length, file) != length) fail(path);
        if (!(requests = realloc(requests, (request_count + 1) * sizeof *requests))) fail("memory");
        requests[request_count++] = (struct request){bytes, length};
    }
    fclose(file);
    if (!request_count) fprintf(stderr, "%s has no requests\n", path), exit(1);
}

static void open_connection(int place) {
    int one = 1, opened = socket(AF_INET, SOCK_STREAM, 0);
    if (opened < 0 || connect(opened, (struct sockaddr *)&address, sizeof address)) fail("connect");
    setsockopt(opened, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    polled[place] = (struct pollfd){opened, POLLIN, 0};
    connections[place].is_busy = 0;
}

static void reopen(int place) {
    close(polled[place].fd);
    open_connection(place);
}

static int send_request(int place, double due) {
    struct request *chosen = &requests[random_number() % request_count];
    connections[place].is_busy = 1, connections[place].due = due, connections[place].filled = 0;
    return send(polled[place].fd, chosen->bytes, chosen->length, MSG_NOSIGNAL) == (ssize_t)chosen->length;
}

/* The status once the answer is complete, 0 before, -1 if it is none or the connection has ended. */
static int receive(int place) {
    struct connection *each = &connections[place];
    ssize_t got = recv(polled[place].fd, each->answer + each->filled, ROOM - each->filled, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (got <= 0) return -1;
    each->answer[each->filled += got] = 0;
    char *body = strstr(each->answer, "\r\n\r\n");
    if (!body) return 0;
    char *length = strcasestr(each->answer, "\r\ncontent-length:");
    if (strncmp(each->answer, "HTTP/1.1 ", 9) || !length || length > body) return -1;
    return each->filled >= (size_t)(body + 4 - each->answer) + strtoul(length + 17, NULL, 10) ? atoi(each->answer + 9) : 0;
}

static int compare(const void *one, const void *other) {
    float left = *(const float *)one, right = *(const float *)other;
    return (left > right) - (left < right);
}

int main(int count, char **words) {
    if (count != 6) return fprintf(stderr, "paced PORT RATE SECONDS CONNECTIONS FILE\n"), 2;
    double rate = atof(words[2]), seconds = atof(words[3]);
    int places = atoi(words[4]), busy = 0, idle[MOST_CONNECTIONS];
    if (places < 1 || places > MOST_CONNECTIONS || rate <= 0) return 2;
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    random_state = (uint64_t)time(NULL) << 20 | (getpid() | 1);
    prctl(PR_SET_TIMERSLACK, 1UL); /* waits end when they should, not 50 microseconds later */
    read_requests(words[5]);
    for (int place = 0; place < places; place++) open_connection(idle[place] = place);
    size_t most = rate * seconds * 2 + 1000, answered = 0, refused = 0, broken = 0, unsent = 0;
    float *latencies = malloc(most * sizeof *latencies);
    if (!latencies) fail("memory");

    double start = now(), end = start + seconds, due = start + pause_before_next(rate), moment = start;
    while ((due < end || busy) && moment < end + GRACE) {
        for (; due < end && due <= moment && busy < places; due += pause_before_next(rate)) {
            int place = idle[places - ++busy];
            if (!send_request(place, due)) broken++, reopen(place), idle[places - busy--] = place;
        }
        double wait = due >= end || busy == places ? 0.1 : due > moment ? due - moment : 0;
        struct timespec pause = {(time_t)wait, (long)((wait - (time_t)wait) * 1e9)};
        int ready = ppoll(polled, places, &pause, NULL);
        moment = now();
        for (int place = 0; ready > 0 && place < places; place++) {
            if (!polled[place].revents) continue;
            ready--;
            int was_busy = connections[place].is_busy, status = receive(place);
            if (!status) continue;
            if (status < 0) reopen(place);
            if (!was_busy) continue; /* the server closed an idle connection */
            connections[place].is_busy = 0, idle[places - busy--] = place;
            if (status < 0) broken++;
            else if (answered < most) latencies[answered++] = (moment - connections[place].due) * 1e3, refused += status >= 400;
        }
    }
    double taken = now() - start;
    for (; due < end; due += pause_before_next(rate)) unsent++;
    unsent += busy;
    if (!answered) return fprintf(stderr, "no request was answered\n"), 1;
    qsort(latencies, answered, sizeof *latencies, compare);
#define PERCENTILE(share) latencies[(size_t)((answered - 1) * (share))]
    printf("RESULT {\"requests\": %zu, \"seconds\": %.6f, \"refused\": %zu, \"broken\": %zu, \"p50_ms\": %.4f, "
           "\"p99_ms\": %.4f, \"p999_ms\": %.4f}\n", answered, taken, refused, broken + unsent, PERCENTILE(0.5),
           PERCENTILE(0.99), PERCENTILE(0.999));
    return 0;
}
