// Where the kernel's memory comes from: things of like size side by side in slabs, slabs in regions.
//
// A mask that is filled for the first time makes some hundred small things, most of which stay. A thread takes and gives back
// from lists of its own, one for each size; the lists are filled from slabs and emptied into them under a lock. A slab that is
// empty serves any size again, and of regions that are empty a few are kept.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace guidedgen {

class Pool {
  public:
    static constexpr size_t kRegion = size_t{1} << 21, kSlab = size_t{1} << 16, kSlabs = kRegion / kSlab;
    static constexpr size_t kMost = kRegion / 2;   // bytes; what is larger is not taken from here

    static Pool& shared();

    // Memory of that size, aligned to 16 bytes, and to 64 where the size is a multiple of that; nullptr: there is none.
    static void* take(size_t bytes);
    // `bytes`: its size; 0: not known.
    static void give(void* memory, size_t bytes);

    // Whether memory came from here. Of any address.
    static bool owns(const void* memory) {
        const uintptr_t region = reinterpret_cast<uintptr_t>(memory) / kRegion;
        return region < kAddresses && (owned_[region / 64].load(std::memory_order_relaxed) >> (region % 64) & 1);
    }

    // Bytes that are held from the system, in use or not.
    size_t held() const { return regions_.load(std::memory_order_relaxed) * kRegion; }

  private:
    struct Free { Free* next; };

    // One size: how much room a thing takes, and how many are moved at once between a thread and the slabs.
    struct Size { uint32_t bytes, batch; };
    static constexpr size_t kSizes = 42, kLargest = 32768;
    static constexpr uint8_t kSpan = 255;   // in place of a size: slabs that are one thing

    struct Slab {
        Slab *next, *before;   // of those of this size that have room
        Free* free;
        uint32_t fresh, end;   // offsets in the region: of what was never taken, and behind the last thing
        uint16_t used;
        uint8_t size;
        uint8_t slabs;         // of a span
        bool room;             // stands in the list of its size
    };
    struct Region {
        Region *next, *before;   // of those that have an empty slab
        uint32_t empty;          // slabs, by bit
        std::array<Slab, kSlabs> slabs;
    };
    static constexpr size_t kHead = 4096;     // of a region, before its first slab's things
    static_assert(sizeof(Region) <= kHead);

    // What a thread holds.
    struct Bin { Free* first; uint32_t count; };
    struct Bins {
        std::array<Bin, kSizes> bins;
    };
    struct Leaving { ~Leaving(); };   // gives all of it back when the thread ends
    [[gnu::tls_model("initial-exec")]] static thread_local Bins* bins_;   // looked at twice for each thing that is made
    static thread_local bool left_;
    static Bins* enter();

    static const std::array<Size, kSizes>& sizes();
    static uint8_t size_of(size_t bytes);

    static Region* region_of(const void* memory) {
        return reinterpret_cast<Region*>(reinterpret_cast<uintptr_t>(memory) & ~(uintptr_t{kRegion} - 1));
    }
    static size_t index_of(const void* memory) { return (reinterpret_cast<uintptr_t>(memory) & (kRegion - 1)) / kSlab; }

    void* take_rest(size_t bytes);
    void give_rest(void* memory, uint8_t size);
    bool fill(uint8_t size, Bin& bin, uint32_t count);
    void empty(Bin& bin, uint32_t count);
    void* one(uint8_t size);
    void give_one(void* memory);

    Slab* fresh_slab(uint8_t size);
    void* take_span(size_t slabs);
    void give_span(Region* region, size_t first);
    Region* map_region();
    void occupy(Region* region, size_t first, size_t slabs);
    void vacate(Region* region, size_t first, size_t slabs);
    template <class T>
    static void link(T*& list, T* entry);
    template <class T>
    static void unlink(T*& list, T* entry);

    static constexpr size_t kSpare = 16;                                // empty regions that are kept
    static constexpr size_t kAddresses = (size_t{1} << 47) / kRegion;   // of user space
    static std::array<std::atomic<uint64_t>, kAddresses / 64> owned_;   // by region, of all memory; only what is looked at takes any

    std::mutex mutex_;
    std::array<Slab*, kSizes> with_room_{};
    Region* open_ = nullptr;
    size_t idle_ = 0;   // regions of which no slab is used
    std::atomic<size_t> regions_{0};
};

}  // namespace guidedgen
