/* Operations a second of VPDPBUSD with operands in registers, on as many threads as asked for.
 *
 *     int8_peak THREADS
 *
 * One instruction multiplies 64 unsigned by 64 signed bytes and adds the products: 128 operations.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CHAINS = 12, ROUNDS = 300000000, OPERATIONS = 128, THREADS_MAX = 1024 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

/* Twelve sums at once: more than an instruction's latency times instructions a cycle. What they
 * hold makes no difference to the time. */
static void *multiply(void *argument) {
    for (long round = 0; round < ROUNDS; round++) {
        __asm__ volatile(
            "vpdpbusd %%zmm0, %%zmm1, %%zmm4\n\t"
            "vpdpbusd %%zmm0, %%zmm1, %%zmm5\n\t"
            "vpdpbusd %%zmm0, %%zmm1, %%zmm6\n\t"
            "vpdpbusd %%zmm0, %%zmm1, %%zmm7\n\t"
            "vpdpbusd %%zmm0, %%zmm1, %%zmm8\n\t"
            "vpdpbusd %%zmm0, %%zmm1, %%zmm9\n\t"
            "vpdpbusd %%zmm0, %%zmm1, %%zmm10\n\t"
            "vpdpbusd %%zmm0, %%zmm1, %%zmm11\n\t"
            "vpdpbusd %%zmm0, %%zmm1, %%zmm12\n\t"
            "vpdpbusd %%zmm0, %%zmm1, %%zmm13\n\t"
            "vpdpbusd %%zmm0, %%zmm1, %%zmm14\n\t"
            "vpdpbusd %%zmm0, %%zmm1, %%zmm15\n\t"
            :
            :
            : "xmm0", "xmm1", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
              "xmm12", "xmm13", "xmm14", "xmm15");
    }
    return argument;
}

int main(int count, char **arguments) {
    int threads = count > 1 ? atoi(arguments[1]) : 0;
    if (threads < 1 || threads > THREADS_MAX) {
        fprintf(stderr, "expected a number of threads\n");
        return 2;
    }
    pthread_t running[THREADS_MAX];
    double start = now();
    for (int i = 0; i < threads; i++) pthread_create(&running[i], NULL, multiply, NULL);
    for (int i = 0; i < threads; i++) pthread_join(running[i], NULL);
    double elapsed = now() - start;
    printf("%.6g\n", (double)threads * ROUNDS * CHAINS * OPERATIONS / elapsed);
    return 0;
}
