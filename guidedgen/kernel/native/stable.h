// A list whose elements stay where they are: blocks of growing size, none of them before there is an element. Most schemas need
// a handful of each kind of thing, so a block of 512 bytes for each kind, as a deque takes it, is what most of their memory would be.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace guidedgen {

template <class T>
class Stable {
  public:
    Stable() = default;
    Stable(const Stable&) = delete;
    Stable& operator=(const Stable&) = delete;
    ~Stable() {
        clear();
        for (size_t b = 0; b < blocks_.size(); ++b) std::allocator<T>().deallocate(blocks_[b], room(b));
    }

    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    T& operator[](size_t i) { return *at(i); }
    const T& operator[](size_t i) const { return *at(i); }
    T& back() { return *at(size_ - 1); }

    template <class... Args>
    T& emplace_back(Args&&... args) {
        const Place place = of(size_);
        if (place.block == blocks_.size()) {
            blocks_.reserve(blocks_.size() + 1);   // so that no block is lost
            blocks_.push_back(std::allocator<T>().allocate(room(place.block)));
        }
        T* made = ::new (static_cast<void*>(blocks_[place.block] + place.index)) T(std::forward<Args>(args)...);
        ++size_;
        return *made;
    }
    void push_back(T value) { emplace_back(std::move(value)); }

    // Keeps the blocks.
    void clear() { shrink(0); }
    void shrink(size_t size) {
        while (size_ > size) at(--size_)->~T();
    }

    template <class S, class E>
    class Walk {
      public:
        Walk(S* of, size_t at) : of_(of), at_(at) {}
        E& operator*() const { return (*of_)[at_]; }
        Walk& operator++() { return ++at_, *this; }
        bool operator!=(const Walk& o) const { return at_ != o.at_; }

      private:
        S* of_;
        size_t at_;
    };
    Walk<Stable, T> begin() { return {this, 0}; }
    Walk<Stable, T> end() { return {this, size_}; }
    Walk<const Stable, const T> begin() const { return {this, 0}; }
    Walk<const Stable, const T> end() const { return {this, size_}; }

  private:
    static constexpr size_t kFirst = 4, kDoublings = 6;   // elements of the first block; after so many blocks all are alike

    struct Place { size_t block, index; };
    static size_t room(size_t block) { return kFirst << (block < kDoublings ? block : kDoublings); }
    static Place of(size_t i) {
        constexpr size_t growing = kFirst * ((size_t{1} << kDoublings) - 1), last = kFirst << kDoublings;
        if (i >= growing) return {kDoublings + (i - growing) / last, (i - growing) % last};
        const size_t block = static_cast<size_t>(63 - __builtin_clzll(i / kFirst + 1));
        return {block, i - kFirst * ((size_t{1} << block) - 1)};
    }
    T* at(size_t i) const {
        const Place place = of(i);
        return blocks_[place.block] + place.index;
    }

    std::vector<T*> blocks_;
    size_t size_ = 0;
};

}  // namespace guidedgen
