/* Time and chance that repeat: for programs linked with FIXED of sim.mk (mono_now and wall_now are
 * wrapped, libsodium's random numbers come from the seed). */
#pragma once
#include <stdint.h>

void fixed_seed(uint64_t seed); /* before crypto_setup */
void fixed_wait_ms(int64_t ms);
