/* A belt drive INVT GD20, read only (facts/devices 1b). Pure plain value. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct drive {
    uint16_t set_centihz; /* 0.01 Hz */
    uint16_t fault;
    bool running;
};

void drive_init(struct drive *d);
/* 0 or an exception code; at most 16 registers. */
int drive_read(const struct drive *d, uint32_t addr, uint32_t n, uint16_t *ret_words);
