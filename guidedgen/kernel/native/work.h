// What one call from outside may cost: steps, time, and memory beside that of the lexer. One meter for all that it does.
#pragma once

#include <ctime>

#include "common.h"

namespace guidedgen {

class Work {
  public:
    explicit Work(const Limits& limits) : limits_(limits) { begin(); }

    void begin() {
        steps_ = held_ = 0;
        look_at_ = first_look();
        started_ = -1;
    }

    // A step is a visit of a small thing.
    void spend(int64_t steps) {
        steps_ += steps;
        if (steps_ > look_at_) look();
    }

    // Memory that this call takes and that does not end with it.
    void hold(int64_t bytes) {
        held_ += bytes;
        if (held_ > limits_.working_bytes())
            throw LimitError("cache_bytes", static_cast<double>(limits_.cache_bytes), "memory of one call");
    }

  private:
    static constexpr int64_t kLook = 1 << 16;   // steps between looks at the clock: a millisecond or two

    int64_t first_look() const { return limits_.steps < kLook ? limits_.steps : kLook; }

    // The clock costs more than most calls do: it is started by the first look, and only long calls look.
    void look() {
        if (steps_ > limits_.steps) throw LimitError("steps", static_cast<double>(limits_.steps), "work of one call");
        const int64_t now = milliseconds();
        if (started_ < 0) started_ = now;
        if (now - started_ > limits_.milliseconds)
            throw LimitError("milliseconds", static_cast<double>(limits_.milliseconds), "processor time of one call");
        look_at_ = limits_.steps - steps_ < kLook ? limits_.steps : steps_ + kLook;
    }

    static int64_t milliseconds() {
        timespec now{};
#ifdef CLOCK_THREAD_CPUTIME_ID
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
#else
        std::timespec_get(&now, TIME_UTC);
#endif
        return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
    }

    const Limits limits_;
    int64_t steps_ = 0, held_ = 0, look_at_ = 0, started_ = -1;
};

}  // namespace guidedgen
