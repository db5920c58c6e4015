// `new` and `delete` of this module, over the pool. Its C++ library is linked into the module, so that whatever one of the two
// makes the other frees, and nobody else does.
#include <cstdlib>
#include <new>

#include "pool.h"

namespace guidedgen {

namespace {

constexpr size_t kPlain = 1;

constexpr size_t rounded(size_t bytes, size_t align) { return align == kPlain ? bytes : (bytes + align - 1) / align * align; }

void* taken_or_null(size_t bytes, size_t align) noexcept {
    const size_t room = rounded(bytes, align);
    if (align <= 64)
        if (void* memory = Pool::take(room)) return memory;
    if (align <= alignof(std::max_align_t)) return std::malloc(bytes ? bytes : 1);
    return std::aligned_alloc(align, room ? room : align);
}

void* taken(size_t bytes, size_t align) {
    if (void* memory = taken_or_null(bytes, align)) return memory;
    throw std::bad_alloc();
}

// `bytes`: 0: not known.
void given(void* memory, size_t bytes = 0) noexcept {
    if (!memory) return;
    if (Pool::owns(memory)) Pool::give(memory, bytes);
    else std::free(memory);
}

}  // namespace

}  // namespace guidedgen

void* operator new(size_t bytes) { return guidedgen::taken(bytes, guidedgen::kPlain); }
void* operator new[](size_t bytes) { return guidedgen::taken(bytes, guidedgen::kPlain); }
void* operator new(size_t bytes, std::align_val_t align) { return guidedgen::taken(bytes, static_cast<size_t>(align)); }
void* operator new[](size_t bytes, std::align_val_t align) { return guidedgen::taken(bytes, static_cast<size_t>(align)); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return guidedgen::taken_or_null(bytes, guidedgen::kPlain); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return guidedgen::taken_or_null(bytes, guidedgen::kPlain); }
void* operator new(size_t bytes, std::align_val_t align, const std::nothrow_t&) noexcept {
    return guidedgen::taken_or_null(bytes, static_cast<size_t>(align));
}
void* operator new[](size_t bytes, std::align_val_t align, const std::nothrow_t&) noexcept {
    return guidedgen::taken_or_null(bytes, static_cast<size_t>(align));
}
void operator delete(void* memory) noexcept { guidedgen::given(memory); }
void operator delete[](void* memory) noexcept { guidedgen::given(memory); }
void operator delete(void* memory, size_t bytes) noexcept { guidedgen::given(memory, bytes); }
void operator delete[](void* memory, size_t bytes) noexcept { guidedgen::given(memory, bytes); }
void operator delete(void* memory, std::align_val_t) noexcept { guidedgen::given(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { guidedgen::given(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { guidedgen::given(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { guidedgen::given(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { guidedgen::given(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { guidedgen::given(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { guidedgen::given(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { guidedgen::given(memory); }
