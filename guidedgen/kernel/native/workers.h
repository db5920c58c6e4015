// Workers: threads that share the pieces of one loop after another. Pieces are taken, never handed out: the caller takes part, and
// waits only for pieces that a helper has begun. So a helper that the system keeps from running costs its help and no more, where a
// barrier of all threads would stand still with it (two OpenMP threads beside a busy process are ten times slower than one).
#pragma once

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace guidedgen {

class Workers {
  public:
    using Piece = void (*)(void* context, int64_t piece, int worker);

    // The process's one pool; never destroyed, since its threads may outlive any moment at which that could be done.
    static Workers& shared() {
        static Workers* workers = new Workers;
        return *workers;
    }

    // While it lives, up to `threads` - 1 helpers look for pieces. Where another caller has them, or after a fork, there are none.
    class Turn {
      public:
        Turn(Workers& workers, int threads) : workers_(workers), held_(threads > 1 && workers.alive() && workers.turn_.try_lock()) {
            if (held_) workers_.open(threads - 1);
        }
        ~Turn() {
            if (!held_) return;
            workers_.awake_.store(0);
            workers_.turn_.unlock();
        }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

        // work(piece, worker) for all pieces below `count`, at most 2^20; workers are numbered from 0, which is the caller.
        template <typename Work>
        void share(int64_t count, const Work& work) {
            if (!held_ || count < 2) {
                for (int64_t piece = 0; piece < count; ++piece) work(piece, 0);
                return;
            }
            workers_.run(count, [](void* context, int64_t piece, int worker) { (*static_cast<const Work*>(context))(piece, worker); },
                         const_cast<void*>(static_cast<const void*>(&work)));
        }

      private:
        Workers& workers_;
        bool held_;
    };

    static constexpr int MOST = 64;

  private:
    static constexpr int64_t FIELD = 20;  // bits of a loop's size and of its next piece; the rest numbers the loops
    static constexpr uint64_t MASK = (uint64_t{1} << FIELD) - 1;
    static constexpr int PATIENCE = 20000;  // looks before a helper goes to sleep: some 100 microseconds

    bool alive() const { return owner_ == getpid(); }

    void open(int helpers) {
        helpers = helpers < MOST - 1 ? helpers : MOST - 1;
        for (; started_ < helpers; ++started_) std::thread([this, number = started_ + 1] { help(number); }).detach();
        awake_.store(helpers);
        if (asleep_.load() > 0) {
            std::lock_guard<std::mutex> hold(sleep_);
            wake_.notify_all();
        }
    }

    void run(int64_t count, Piece piece, void* context) {
        piece_ = piece;
        context_ = context;
        done_.store(0, std::memory_order_relaxed);
        const uint64_t loop = (loops_.load(std::memory_order_relaxed) >> (2 * FIELD)) + 1;
        loops_.store((loop << (2 * FIELD)) | (static_cast<uint64_t>(count) << FIELD), std::memory_order_release);
        take(0);
        for (int looks = 0; done_.load(std::memory_order_acquire) < count; ++looks) rest(looks);
    }

    // Takes pieces of the present loop until none is left; whether there was one.
    bool take(int worker) {
        bool any = false;
        while (true) {
            const uint64_t seen = loops_.load(std::memory_order_acquire);
            if ((seen & MASK) >= ((seen >> FIELD) & MASK)) return any;
            const uint64_t mine = loops_.fetch_add(1, std::memory_order_acq_rel);
            if ((mine & MASK) >= ((mine >> FIELD) & MASK)) return any;
            piece_(context_, static_cast<int64_t>(mine & MASK), worker);  // the loop cannot end before this piece is done
            done_.fetch_add(1, std::memory_order_acq_rel);
            any = true;
        }
    }

    void help(int number) {
        int looks = 0;
        while (true) {
            if (number <= awake_.load(std::memory_order_relaxed) && take(number)) looks = 0;
            if (++looks < PATIENCE) {
                rest(looks);
                continue;
            }
            std::unique_lock<std::mutex> hold(sleep_);
            asleep_.fetch_add(1);
            wake_.wait(hold, [&] { return number <= awake_.load(); });
            asleep_.fetch_sub(1);
            looks = 0;
        }
    }

    static void rest(int looks) {
        if (looks % 256 == 255) {
            std::this_thread::yield();
            return;
        }
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }

    const pid_t owner_ = getpid();
    std::mutex turn_, sleep_;
    std::condition_variable wake_;
    int started_ = 0;
    std::atomic<int> awake_{0}, asleep_{0};
    std::atomic<uint64_t> loops_{0};  // number of the loop | its size | its next piece
    std::atomic<int64_t> done_{0};
    Piece piece_ = nullptr;
    void* context_ = nullptr;
};

}  // namespace guidedgen
