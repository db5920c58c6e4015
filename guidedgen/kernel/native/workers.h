// Workers: threads that share the pieces of one loop after another. Each has a stretch of neighbouring pieces to begin with, so that it
// reads memory from end to end; who is done with its own takes half of what another has left. The caller takes part, and waits only for
// pieces that a helper has begun. So a helper that the system keeps from running costs its help and no more, where a barrier of all
// threads would stand still with it (two OpenMP threads beside a busy process are ten times slower than one).
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

        // How many take part, helpers that do not run included.
        int64_t parts() const { return held_ ? workers_.awake_.load(std::memory_order_relaxed) + 1 : 1; }

        // Of `count` pieces, where the stretch of that worker begins; that of the next is its end.
        int64_t begin(int64_t count, int64_t worker) const { return count * worker / parts(); }

        // work(piece, worker) for all pieces below `count`, which is less than 2^20; workers are numbered from 0, which is the caller.
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
    static constexpr int64_t FIELD = 20;  // bits of a piece's number
    static constexpr int PARTS = 8;       // bits of a number of workers
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

    // Pieces [next, end) of a loop that are not begun: what a worker has left, in one word that others may take from. The loop's number
    // keeps helpers that still look for pieces of the one before from taking any while the next one's are laid out.
    struct Stretch {
        int64_t next, end;
        uint64_t loop;

        static Stretch of(uint64_t word) {
            constexpr uint64_t mask = (uint64_t{1} << FIELD) - 1;
            return {static_cast<int64_t>(word & mask), static_cast<int64_t>((word >> FIELD) & mask), word >> (2 * FIELD)};
        }
        uint64_t word() const { return static_cast<uint64_t>(next) | static_cast<uint64_t>(end) << FIELD | loop << (2 * FIELD); }
    };

    struct alignas(64) Place {
        std::atomic<uint64_t> left{0};
    };

    // A loop's number and how many take part, in one word.
    struct Loop {
        uint64_t number;
        int parts;

        static Loop of(uint64_t word) { return {word >> PARTS, static_cast<int>(word & ((1 << PARTS) - 1))}; }
        uint64_t word() const { return number << PARTS | static_cast<uint64_t>(parts); }
        Loop next(int with) const { return {(number + 1) & ((uint64_t{1} << (64 - 2 * FIELD)) - 1), with}; }
    };

    void run(int64_t count, Piece piece, void* context) {
        piece_ = piece;
        context_ = context;
        done_.store(0, std::memory_order_relaxed);
        const Loop loop = Loop::of(loop_.load(std::memory_order_relaxed)).next(awake_.load(std::memory_order_relaxed) + 1);
        for (int part = 0; part < loop.parts; ++part)
            places_[part].left.store(Stretch{count * part / loop.parts, count * (part + 1) / loop.parts, loop.number}.word(), std::memory_order_relaxed);
        loop_.store(loop.word(), std::memory_order_release);
        take(0, loop);
        for (int looks = 0; done_.load(std::memory_order_acquire) < count; ++looks) rest(looks);
    }

    // Takes pieces of a loop until none is left. The loop cannot end before what was taken is done.
    void take(int worker, const Loop& loop) {
        std::atomic<uint64_t>& own = places_[worker].left;
        Stretch mine{};
        int64_t did = 0;
        do {
            while (taken(own, loop, mine, [](const Stretch& left) { return Stretch{left.next + 1, left.end, left.loop}; })) {
                piece_(context_, mine.next, worker);
                ++did;
            }
        } while (take_over(own, worker, loop));
        if (did) done_.fetch_add(did, std::memory_order_acq_rel);
    }

    // The later half of what another has left becomes this worker's own.
    bool take_over(std::atomic<uint64_t>& own, int worker, const Loop& loop) {
        const auto half = [](const Stretch& left) { return Stretch{left.next, left.next + (left.end - left.next) / 2, left.loop}; };
        for (int other = 0; other < loop.parts; ++other) {
            Stretch found{};
            if (other == worker || !taken(places_[other].left, loop, found, half)) continue;
            own.store(Stretch{half(found).end, found.end, found.loop}.word(), std::memory_order_release);
            return true;
        }
        return false;
    }

    // Leaves rest(what is left) at a place, and gives what was left, unless that is nothing or of another loop.
    template <typename Rest>
    static bool taken(std::atomic<uint64_t>& place, const Loop& loop, Stretch& left, const Rest& rest) {
        uint64_t word = place.load(std::memory_order_acquire);
        while (true) {
            left = Stretch::of(word);
            if (left.next >= left.end || left.loop != loop.number) return false;
            if (place.compare_exchange_weak(word, rest(left).word(), std::memory_order_acq_rel, std::memory_order_acquire)) return true;
        }
    }

    void help(int number) {
        int looks = 0;
        uint64_t known = 0;
        while (true) {
            const uint64_t word = loop_.load(std::memory_order_acquire);
            if (word != known) {
                known = word;
                const Loop loop = Loop::of(word);
                if (number < loop.parts) {
                    take(number, loop);
                    looks = 0;
                }
            }
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
    Piece piece_ = nullptr;
    void* context_ = nullptr;
    Place places_[MOST];
    alignas(64) std::atomic<uint64_t> loop_{0};  // the present one; helpers look at nothing else while they wait
    alignas(64) std::atomic<int64_t> done_{0};
};

}  // namespace guidedgen
