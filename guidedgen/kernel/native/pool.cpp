// The pool of `pool.h`: what threads hold, slabs and regions.
#include "pool.h"

#include "common.h"

#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace guidedgen {

std::array<std::atomic<uint64_t>, Pool::kAddresses / 64> Pool::owned_;
thread_local Pool::Bins* Pool::bins_ = nullptr;
thread_local bool Pool::left_ = false;

namespace {

// Sizes: steps of 16 bytes up to 256, then four for each doubling, all multiples of 64, and what divides a slab well.
constexpr uint32_t kBySixteen = 256, kByDoubling = 8192;
constexpr std::array<uint32_t, 6> kParts{9344, 10880, 13056, 16384, 21824, 32768};

template <size_t N>
constexpr std::array<uint32_t, N> steps() {
    std::array<uint32_t, N> all{};
    size_t at = 0;
    for (uint32_t bytes = 16; bytes <= kBySixteen; bytes += 16) all[at++] = bytes;
    for (uint32_t base = kBySixteen; base < kByDoubling; base *= 2)
        for (uint32_t quarter = 1; quarter <= 4; ++quarter) all[at++] = base + base / 4 * quarter;
    for (uint32_t bytes : kParts) all[at++] = bytes;
    return all;
}

// The size by units of 16 bytes, and of 64.
template <size_t N, uint32_t kUnit, uint32_t kEnd>
constexpr std::array<uint8_t, kEnd / kUnit + 1> by_units() {
    constexpr auto all = steps<N>();
    std::array<uint8_t, kEnd / kUnit + 1> result{};
    uint8_t size = 0;
    for (uint32_t unit = 0; unit <= kEnd / kUnit; ++unit) {
        while (all[size] < unit * kUnit) ++size;
        result[unit] = size;
    }
    return result;
}

}  // namespace

const std::array<Pool::Size, Pool::kSizes>& Pool::sizes() {
    static constexpr auto made = [] {
        constexpr auto all = steps<kSizes>();
        std::array<Size, kSizes> result{};
        for (size_t i = 0; i < kSizes; ++i) {
            const uint32_t fitting = 8192 / all[i];
            result[i] = {all[i], fitting < 1 ? 1 : fitting > 64 ? 64 : fitting};
        }
        return result;
    }();
    return made;
}

uint8_t Pool::size_of(size_t bytes) {
    static constexpr auto small = by_units<kSizes, 16, 1024>();
    static constexpr auto large = by_units<kSizes, 64, kLargest>();
    return bytes <= 1024 ? small[(bytes + 15) / 16] : large[(bytes + 63) / 64];
}

Pool& Pool::shared() {
    // Never destroyed: things are freed after the last destructor has run.
    alignas(Pool) static unsigned char place[sizeof(Pool)];
    static Pool* const pool = [] {
        Pool* made = new (place) Pool();
        pthread_atfork([] { shared().mutex_.lock(); }, [] { shared().mutex_.unlock(); }, [] { shared().mutex_.unlock(); });
        return made;
    }();
    return *pool;
}

void* Pool::take(size_t bytes) {
    Bins* bins = bins_;
    if (!bins || bytes > kLargest) return shared().take_rest(bytes);
    Bin& bin = bins->bins[size_of(bytes)];
    Free* taken = bin.first;
    if (!taken) return shared().take_rest(bytes);
    bin.first = taken->next;
    --bin.count;
    return taken;
}

void Pool::give(void* memory, size_t bytes) {
    const uint8_t size = bytes > 0 && bytes <= kLargest ? size_of(bytes) : region_of(memory)->slabs[index_of(memory)].size;
    Bins* bins = bins_;
    if (!bins || size == kSpan) return shared().give_rest(memory, size);
    Bin& bin = bins->bins[size];
    auto* freed = static_cast<Free*>(memory);
    freed->next = bin.first;
    bin.first = freed;
    const uint32_t batch = sizes()[size].batch;
    if (++bin.count > 2 * batch) shared().empty(bin, batch);
}

// Where the thread's list is empty, or there is none.
void* Pool::take_rest(size_t bytes) {
    if (bytes > kLargest) {
        if (bytes > kMost) return nullptr;
        const std::lock_guard<std::mutex> guard(mutex_);
        return take_span((bytes + kSlab - 1) / kSlab);
    }
    const uint8_t size = size_of(bytes);
    if (!bins_ && !enter()) {
        const std::lock_guard<std::mutex> guard(mutex_);
        return one(size);
    }
    return fill(size, bins_->bins[size], sizes()[size].batch) ? take(bytes) : nullptr;
}

void Pool::give_rest(void* memory, uint8_t size) {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (size == kSpan) give_span(region_of(memory), index_of(memory));
    else give_one(memory);
}

// --- what a thread holds

// nullptr: the thread is about to end.
Pool::Bins* Pool::enter() {
    if (left_) return nullptr;
    bins_ = static_cast<Bins*>(std::calloc(1, sizeof(Bins)));
    static thread_local Leaving leaving;
    static_cast<void>(leaving);
    return bins_;
}

Pool::Leaving::~Leaving() {
    Pool& pool = shared();
    for (size_t size = 0; bins_ && size < kSizes; ++size) pool.empty(bins_->bins[size], bins_->bins[size].count);
    std::free(bins_);
    bins_ = nullptr;
    left_ = true;
}

bool Pool::fill(uint8_t size, Bin& bin, uint32_t count) {
    const std::lock_guard<std::mutex> guard(mutex_);
    Free** last = &bin.first;
    for (; count > 0; --count) {
        auto* made = static_cast<Free*>(one(size));
        if (!made) break;
        *last = made;
        last = &made->next;
        ++bin.count;
    }
    *last = nullptr;
    return bin.first != nullptr;
}

void Pool::empty(Bin& bin, uint32_t count) {
    const std::lock_guard<std::mutex> guard(mutex_);
    for (; count > 0; --count) {
        Free* gone = bin.first;
        bin.first = gone->next;
        --bin.count;
        give_one(gone);
    }
}

// --- slabs

void* Pool::one(uint8_t size) {
    Slab* slab = with_room_[size] ? with_room_[size] : fresh_slab(size);
    if (!slab) return nullptr;
    void* taken = slab->free;
    if (taken) {
        slab->free = slab->free->next;
    } else {
        taken = reinterpret_cast<unsigned char*>(region_of(slab)) + slab->fresh;
        slab->fresh += sizes()[size].bytes;
    }
    ++slab->used;
    if (!slab->free && slab->fresh == slab->end) {
        unlink(with_room_[size], slab);
        slab->room = false;
    }
    return taken;
}

void Pool::give_one(void* memory) {
    Region* region = region_of(memory);
    Slab& slab = region->slabs[index_of(memory)];
    auto* freed = static_cast<Free*>(memory);
    freed->next = slab.free;
    slab.free = freed;
    if (!slab.room) {
        link(with_room_[slab.size], &slab);
        slab.room = true;
    }
    if (--slab.used > 0) return;
    unlink(with_room_[slab.size], &slab);
    vacate(region, index_of(memory), 1);
}

Pool::Slab* Pool::fresh_slab(uint8_t size) {
    Region* region = open_ ? open_ : map_region();
    if (!region) return nullptr;
    const auto index = static_cast<size_t>(__builtin_ctz(region->empty));
    occupy(region, index, 1);
    const uint32_t bytes = sizes()[size].bytes;
    const auto begin = static_cast<uint32_t>(index == 0 ? kHead : index * kSlab), room = static_cast<uint32_t>((index + 1) * kSlab) - begin;
    Slab& slab = region->slabs[index];
    slab = {nullptr, nullptr, nullptr, begin, begin + room / bytes * bytes, 0, size, 1, true};
    link(with_room_[size], &slab);
    return &slab;
}

void* Pool::take_span(size_t slabs) {
    const uint64_t wanted = (uint64_t{1} << slabs) - 1;
    const auto place = [&](Region* region) -> void* {
        for (size_t first = 1; first + slabs <= kSlabs; ++first) {
            if ((region->empty >> first & wanted) != wanted) continue;
            occupy(region, first, slabs);
            region->slabs[first].size = kSpan;
            region->slabs[first].slabs = static_cast<uint8_t>(slabs);
            return reinterpret_cast<unsigned char*>(region) + first * kSlab;
        }
        return nullptr;
    };
    for (Region* region = open_; region; region = region->next)
        if (void* found = place(region)) return found;
    Region* made = map_region();
    return made ? place(made) : nullptr;
}

void Pool::give_span(Region* region, size_t first) { vacate(region, first, region->slabs[first].slabs); }

// --- regions

void Pool::occupy(Region* region, size_t first, size_t slabs) {
    if (region->empty == ~uint32_t{0}) --idle_;
    const auto taken = static_cast<uint32_t>(((uint64_t{1} << slabs) - 1) << first);
    region->empty &= ~taken;
    if (region->empty == 0) unlink(open_, region);
}

void Pool::vacate(Region* region, size_t first, size_t slabs) {
    if (region->empty == 0) link(open_, region);
    region->empty |= static_cast<uint32_t>(((uint64_t{1} << slabs) - 1) << first);
    if (region->empty != ~uint32_t{0} || ++idle_ <= kSpare) return;
    --idle_;
    unlink(open_, region);
    const uintptr_t number = reinterpret_cast<uintptr_t>(region) / kRegion;
    owned_[number / 64].fetch_and(~(uint64_t{1} << (number % 64)), std::memory_order_relaxed);
    munmap(region, kRegion);
    regions_.fetch_sub(1, std::memory_order_relaxed);
}

// nullptr: the system has no more.
Pool::Region* Pool::map_region() {
    void* mapped = mmap(nullptr, 2 * kRegion, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return nullptr;
    const uintptr_t begin = reinterpret_cast<uintptr_t>(mapped), aligned = (begin + kRegion - 1) & ~(uintptr_t{kRegion} - 1);
    if (aligned > begin) munmap(mapped, aligned - begin);
    if (const uintptr_t rest = begin + kRegion - aligned; rest > 0) munmap(reinterpret_cast<void*>(aligned + kRegion), rest);
    const uintptr_t number = aligned / kRegion;
    if (number >= kAddresses) {
        munmap(reinterpret_cast<void*>(aligned), kRegion);
        return nullptr;
    }
    auto* region = reinterpret_cast<Region*>(aligned);   // zeros, as fresh memory is
    region->empty = ~uint32_t{0};
    link(open_, region);
    ++idle_;
    owned_[number / 64].fetch_or(uint64_t{1} << (number % 64), std::memory_order_relaxed);
    regions_.fetch_add(1, std::memory_order_relaxed);
    return region;
}

template <class T>
void Pool::link(T*& list, T* entry) {
    entry->before = nullptr;
    entry->next = list;
    if (list) list->before = entry;
    list = entry;
}

template <class T>
void Pool::unlink(T*& list, T* entry) {
    if (entry->before) entry->before->next = entry->next;
    else list = entry->next;
    if (entry->next) entry->next->before = entry->before;
}

[[maybe_unused]] const bool counted = (pool_bytes = [] { return Pool::shared().held(); }, true);

}  // namespace guidedgen
