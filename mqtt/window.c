/* The publisher's window. Pure.  way: 12/12 to the buyers */
#include "mqtt/window.h"
#include <assert.h>

void window_init(struct window *w, uint32_t size)
{
    *w = (struct window){.next = 1};
    window_resize(w, size);
}

void window_resize(struct window *w, uint32_t size)
{
    w->size = size == 0 ? 1 : size > WINDOW_MAX ? WINDOW_MAX : size;
}

static void rewind_when_quiet(struct window *w)
{
    if (!w->rewinding || w->outstanding)
        return;
    w->rewinding = false;
    w->next = w->cursor + 1;
    w->acked = 0;
}

bool window_next(const struct window *w, int64_t head, int64_t *ret_n)
{
    if (w->rewinding || w->outstanding >= w->size || w->next > head ||
        w->next > w->cursor + w->size)
        return false;
    *ret_n = w->next;
    return true;
}

void window_sent(struct window *w)
{
    assert(!w->rewinding && w->outstanding < WINDOW_MAX);
    w->next++;
    w->outstanding++;
}

bool window_acked(struct window *w, int64_t n, int64_t *ret_cursor)
{
    int64_t before = w->cursor;
    assert(w->outstanding > 0 && n > w->cursor && n < w->next);
    w->outstanding--;
    w->acked |= 1u << (n - w->cursor - 1);
    while (w->acked & 1) {
        w->acked >>= 1;
        w->cursor++;
    }
    rewind_when_quiet(w);
    if (w->cursor == before)
        return false;
    *ret_cursor = w->cursor;
    return true;
}

void window_failed(struct window *w)
{
    assert(w->outstanding > 0);
    w->outstanding--;
    w->rewinding = true;
    rewind_when_quiet(w);
}

void window_lost(struct window *w)
{
    w->rewinding = true;
    rewind_when_quiet(w);
}

void window_forget(struct window *w)
{
    w->outstanding = 0;
    window_lost(w);
}
