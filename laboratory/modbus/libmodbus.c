/* A Modbus server on libmodbus, for tests: several units, all four spaces, holes, on loopback or on a serial device.
 *
 *   libmodbus-server tcp             Modbus TCP on a free port of 127.0.0.1
 *   libmodbus-server rtu+tcp         RTU frames over TCP, likewise
 *   libmodbus-server serial DEVICE   RTU on a serial device, in raw mode
 *
 * Standard input says what the units hold, one run of registers a line, at any time:
 *
 *   UNIT PLACE VALUE...     as `1 i0 22340 1 950`, `1 c3 1 0 - 1`
 *
 * PLACE is i (input), h (holding), c (coil) or d (discrete) and the number of the first; a value is 0 to 65535, or `-`
 * for a hole: a request that touches one is refused with exception 2. An empty line is answered by one line, the port
 * (0 for a device), when everything before it counts. The end of the input ends the server.
 *
 * A unit that holds nothing is silent on a line, and on Modbus TCP refused with exception 11, as behind a gateway.
 * libmodbus checks the frames, takes the requests apart and makes the answers; here is only what it leaves to its user:
 * connections, units, holes, and the slave number that it must be told before it reads a frame of a serial line.
 */
#include <errno.h>
#include <fcntl.h>
#include <modbus.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

enum { UNITS = 256, REGISTERS = 65536, SPACES = 4, CLIENTS = 64, LONGEST_LINE = 1 << 20 };
enum { READ_COILS = 1, READ_INPUT_REGISTERS = 4, READ_SIZE = 8, GAP_MILLISECONDS = 20 };

/* A place's letter stands where the function that reads its space has its number. */
static const char LETTERS[] = "?cdhi";

struct unit {
    modbus_mapping_t *mapping;
    bool *held[SPACES + 1];
};

static struct unit units[UNITS];
static bool rtu;
static modbus_t *context;
/* On a line libmodbus reads from one end of this pair, and we write to the other, a whole frame at a time. */
static int pair[2] = {-1, -1};

static void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, modbus_strerror(errno));
    exit(1);
}

static struct unit *unit_for(int number) {
    struct unit *unit = &units[number];
    if (unit->mapping == NULL) {
        unit->mapping = modbus_mapping_new(REGISTERS, REGISTERS, REGISTERS, REGISTERS);
        if (unit->mapping == NULL) fail("memory");
        for (int space = READ_COILS; space <= SPACES; space++) {
            unit->held[space] = calloc(REGISTERS, sizeof(bool));
            if (unit->held[space] == NULL) fail("memory");
        }
    }
    return unit;
}

static void hold(struct unit *unit, int space, int number, const char *text) {
    modbus_mapping_t *mapping = unit->mapping;
    uint16_t value = (uint16_t)atoi(text);
    unit->held[space][number] = strcmp(text, "-") != 0;
    switch (LETTERS[space]) {
    case 'c': mapping->tab_bits[number] = value != 0; break;
    case 'd': mapping->tab_input_bits[number] = value != 0; break;
    case 'h': mapping->tab_registers[number] = value; break;
    case 'i': mapping->tab_input_registers[number] = value; break;
    }
}

static void take_line(char *line, int port) {
    char *words = NULL, *number = strtok_r(line, " ", &words), *place = strtok_r(NULL, " ", &words);
    if (number == NULL) {
        printf("%d\n", port);
        fflush(stdout);
        return;
    }
    char *letter = place == NULL || *place == '\0' ? NULL : strchr(LETTERS + 1, *place);
    if (letter == NULL || atoi(number) < 0 || atoi(number) >= UNITS) {
        fprintf(stderr, "not a run of registers: %s\n", line);
        exit(1);
    }
    struct unit *unit = unit_for(atoi(number));
    int at = atoi(place + 1);
    for (char *value; (value = strtok_r(NULL, " ", &words)) != NULL && at < REGISTERS; at++)
        hold(unit, (int)(letter - LETTERS), at, value);
}

/* False at the end of the input. */
static bool take_input(int port) {
    static char buffer[LONGEST_LINE];
    static size_t filled;
    ssize_t got = read(STDIN_FILENO, buffer + filled, sizeof buffer - 1 - filled);
    if (got <= 0) return false;
    filled += (size_t)got;
    buffer[filled] = '\0';
    char *line = buffer;
    for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        take_line(line, port);
    }
    filled -= (size_t)(line - buffer);
    memmove(buffer, line, filled);
    return true;
}

static bool touches_hole(const struct unit *unit, const uint8_t *request) {
    int space = request[0], start = request[1] << 8 | request[2], count = request[3] << 8 | request[4];
    if (space < READ_COILS || space > READ_INPUT_REGISTERS) return false;
    for (int at = start; at < start + count && at < REGISTERS; at++)
        if (!unit->held[space][at]) return true;
    return false;
}

/* The request stands at the context's socket. False when the connection is of no use any more. */
static bool answer(void) {
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    int length = modbus_receive(context, query), header = modbus_get_header_length(context);
    if (length <= 0) return rtu;
    struct unit *unit = &units[query[header - 1]];
    if (unit->mapping == NULL)
        modbus_reply_exception(context, query, MODBUS_EXCEPTION_GATEWAY_TARGET);
    else if (touches_hole(unit, query + header))
        modbus_reply_exception(context, query, MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS);
    else
        modbus_reply(context, query, length, unit->mapping);
    return true;
}

/* Read until a request is complete, or the line is quiet; 0 when the other side is gone. */
static ssize_t gather(int line, uint8_t *frame, size_t size) {
    size_t filled = 0;
    struct pollfd more = {.fd = line, .events = POLLIN};
    do {
        ssize_t got = read(line, frame + filled, size - filled);
        if (got <= 0) return 0;
        filled += (size_t)got;
        if (filled == READ_SIZE && frame[1] <= READ_INPUT_REGISTERS) break;
    } while (filled < size && poll(&more, 1, GAP_MILLISECONDS) > 0);
    return (ssize_t)filled;
}

/* libmodbus ignores frames for other units than its own, and takes what follows them for another server's answer:
 * so it is told to be the unit that is asked, and sees nothing of what is asked of units that are not there. */
static bool answer_on_line(int line) {
    uint8_t frame[2 * MODBUS_RTU_MAX_ADU_LENGTH];
    ssize_t length = gather(line, frame, sizeof frame);
    if (length == 0) return false;
    if (units[frame[0]].mapping == NULL || modbus_set_slave(context, frame[0]) != 0) return true;
    if (write(pair[0], frame, (size_t)length) != length) fail("pair");
    answer();
    for (ssize_t got; (got = recv(pair[0], frame, sizeof frame, MSG_DONTWAIT)) > 0;)
        if (write(line, frame, (size_t)got) != got) return false;
    while (recv(pair[1], frame, sizeof frame, MSG_DONTWAIT) > 0) continue; /* the rest of a broken frame */
    return true;
}

static bool answer_over_tcp(int client) {
    modbus_set_socket(context, client);
    return answer();
}

static int port_of(int listener) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &size) != 0) fail("port");
    return ntohs(address.sin_port);
}

static int open_device(const char *path) {
    struct termios settings;
    int device = open(path, O_RDWR | O_NOCTTY);
    if (device < 0 || tcgetattr(device, &settings) != 0) fail(path);
    cfmakeraw(&settings);
    if (tcsetattr(device, TCSANOW, &settings) != 0) fail(path);
    return device;
}

/* sources: the input, the listener (or -1), and clients (or the device). */
static void serve(struct pollfd *sources, int count, int port) {
    for (;;) {
        if (poll(sources, (nfds_t)count, -1) < 0) fail("poll");
        if (sources[0].revents != 0 && !take_input(port)) return;
        for (int at = 2; at < count; at++) {
            if (sources[at].revents == 0) continue;
            if (rtu ? answer_on_line(sources[at].fd) : answer_over_tcp(sources[at].fd)) continue;
            close(sources[at].fd);
            sources[at--] = sources[--count];
        }
        if (sources[1].revents != 0 && count < CLIENTS + 2) {
            int client = accept(sources[1].fd, NULL, NULL);
            if (client >= 0) sources[count++] = (struct pollfd){.fd = client, .events = POLLIN};
        }
    }
}

int main(int argc, char **argv) {
    const char *kind = argc > 1 ? argv[1] : "";
    struct pollfd sources[CLIENTS + 2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    int count = 2, port = 0;
    if (strcmp(kind, "serial") == 0 && argc == 3)
        sources[count++] = (struct pollfd){.fd = open_device(argv[2]), .events = POLLIN};
    else if (argc != 2 || (strcmp(kind, "tcp") != 0 && strcmp(kind, "rtu+tcp") != 0)) {
        fprintf(stderr, "usage: %s tcp | rtu+tcp | serial DEVICE\n", argv[0]);
        return 2;
    }
    modbus_t *listening = modbus_new_tcp("127.0.0.1", 0);
    if (count == 2) {
        sources[1].fd = modbus_tcp_listen(listening, CLIENTS);
        if (sources[1].fd < 0) fail("listen");
        port = port_of(sources[1].fd);
    }
    rtu = strcmp(kind, "tcp") != 0;
    context = rtu ? modbus_new_rtu("/dev/null", 9600, 'N', 8, 2) : listening;
    if (rtu) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) fail("pair");
        modbus_set_socket(context, pair[1]);
    }
    modbus_set_response_timeout(context, 0, 1000); /* it sleeps as long before it refuses a wrong request */
    signal(SIGPIPE, SIG_IGN);
    serve(sources, count, port);
    return 0;
}
