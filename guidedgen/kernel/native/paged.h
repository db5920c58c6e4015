// Storage that grows a little at a time: no single step of filling a mask pays for moving all that was stored before.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

namespace guidedgen {

// An array in pages of 2^kBits elements; what is in it stays where it is.
template <class T, size_t kBits = 10>
class Paged {
  public:
    T& operator[](size_t i) { return pages_[i >> kBits][i & kMask]; }
    const T& operator[](size_t i) const { return pages_[i >> kBits][i & kMask]; }
    size_t size() const { return size_; }
    T& back() { return (*this)[size_ - 1]; }

    void push_back(const T& value) {
        grow(size_ + 1);
        back() = value;
    }

    // At least so many elements; new ones are as T{} makes them.
    void grow(size_t size) {
        while (pages_.size() << kBits < size) pages_.push_back(std::make_unique<T[]>(size_t{1} << kBits));
        size_ = size > size_ ? size : size_;
    }

    // Frees about so many of the last elements; nothing is added any more. False: there are none left.
    bool shrink(size_t count) {
        for (size_t pages = (count >> kBits) + 1; pages > 0 && !pages_.empty(); --pages) pages_.pop_back();
        size_ = std::min(size_, pages_.size() << kBits);
        return size_ > 0;
    }

  private:
    static constexpr size_t kMask = (size_t{1} << kBits) - 1;
    std::vector<std::unique_ptr<T[]>> pages_;
    size_t size_ = 0;
};

// Numbers by hash, for hash-consing: the caller knows what the numbers stand for and compares. Open addressing; a table
// that is full is moved to one twice as large in small steps, at each insertion one.
class IdTable {
  public:
    // The number with that hash for which `same` holds, or -1.
    template <class F>
    int32_t find(uint64_t hash, F same) const {
        const uint32_t tag = tag_of(hash);
        const int32_t found = now_.find(tag, same);
        return found >= 0 || !before_.slots ? found : before_.find(tag, same);
    }

    void insert(uint64_t hash, int32_t id) {
        if (before_.slots) move_some();
        if ((count_ + 1) * 2 > now_.capacity()) enlarge();
        now_.put(tag_of(hash), id);
        ++count_;
    }

  private:
    struct Slot { uint32_t tag, number; };   // number: id + 1, so that fresh memory is empty
    // Small tables, which most are, come from where everything does; large ones as memory that is zero without being touched.
    static constexpr size_t kSmall = 1024;   // slots
    struct Free {
        Free() : small(false) {}
        explicit Free(bool small_) : small(small_) {}
        bool small;
        void operator()(Slot* slots) const { small ? ::operator delete(slots) : std::free(slots); }
    };
    struct Slots {
        std::unique_ptr<Slot[], Free> slots;
        size_t mask = 0;
        size_t capacity() const { return slots ? mask + 1 : 0; }

        template <class F>
        int32_t find(uint32_t tag, F same) const {
            if (!slots) return -1;
            for (size_t at = tag & mask; slots[at].number; at = (at + 1) & mask)
                if (slots[at].tag == tag && same(static_cast<int32_t>(slots[at].number - 1))) return static_cast<int32_t>(slots[at].number - 1);
            return -1;
        }
        void put(uint32_t tag, int32_t id) {
            size_t at = tag & mask;
            while (slots[at].number) at = (at + 1) & mask;
            slots[at] = {tag, static_cast<uint32_t>(id) + 1};
        }
    };

    static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash ^ (hash >> 32)); }

    // What is moved stays in the old table as well, which is looked at second.
    void move_some() {
        for (size_t end = std::min(moved_ + kStep, before_.capacity()); moved_ < end; ++moved_)
            if (const Slot& s = before_.slots[moved_]; s.number) now_.put(s.tag, static_cast<int32_t>(s.number - 1));
        if (moved_ == before_.capacity()) before_.slots.reset();
    }

    void enlarge() {
        while (before_.slots) move_some();
        const size_t capacity = std::max(kLeast, now_.capacity() * 2);
        const bool small = capacity <= kSmall;
        auto* slots = static_cast<Slot*>(small ? ::operator new(capacity * sizeof(Slot)) : std::calloc(capacity, sizeof(Slot)));
        if (!slots) throw std::bad_alloc();
        if (small) std::fill(slots, slots + capacity, Slot{0, 0});
        before_ = std::move(now_);
        now_.slots = std::unique_ptr<Slot[], Free>(slots, Free(small));
        now_.mask = capacity - 1;
        moved_ = 0;
    }

    static constexpr size_t kLeast = 16, kStep = 8;
    Slots now_, before_;
    size_t count_ = 0, moved_ = 0;
};

// Numbers by hash for things that are made of others of their kind, mostly of those made last: they stand near the last part,
// where memory is at hand, and only what finds no place there is looked for elsewhere. Nothing is ever moved.
class NearTable {
  public:
    // The number with that hash for which `same` holds, or -1. `near`: of the last part.
    template <class F>
    int32_t find(size_t near, uint64_t hash, F same) const {
        if (near / kParts >= lines_.size()) return -1;
        const uint32_t tag = static_cast<uint32_t>(hash ^ (hash >> 32));
        for (const Slot& s : lines_[near / kParts].slots) {
            if (!s.number) return -1;
            if (s.tag == tag && same(static_cast<int32_t>(s.number - 1))) return static_cast<int32_t>(s.number - 1);
        }
        return far_.find(hash, same);
    }

    void insert(size_t near, uint64_t hash, int32_t id) {
        lines_.grow(near / kParts + 1);
        for (Slot& s : lines_[near / kParts].slots) {
            if (s.number) continue;
            s = {static_cast<uint32_t>(hash ^ (hash >> 32)), static_cast<uint32_t>(id) + 1};
            return;
        }
        far_.insert(hash, id);
    }

  private:
    static constexpr size_t kParts = 4;   // that share a line: few are part of many things
    struct Slot { uint32_t tag = 0, number = 0; };   // number: id + 1
    struct alignas(64) Line { std::array<Slot, 8> slots; };

    Paged<Line> lines_;
    IdTable far_;
};

}  // namespace guidedgen
