/* The number of the projections of store.db, kept as its user_version: one more with every change
 * of their tables or of what an apply function writes. lotlined makes those of a lower number anew
 * from the events; nobody opens those of a higher one. */
#pragma once
#define STORE_VERSION 2
