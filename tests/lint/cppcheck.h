/* Macros of foreign headers, which cppcheck does not look up. */
#define json_array_foreach(a, i, v)                                                                \
    for (i = 0; i < json_array_size(a) && (v = json_array_get(a, i)); i++)
