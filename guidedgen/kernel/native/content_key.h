// What a schema says, as 16 bytes: Python values of JSON with equal keys are equal, down to the kinds of numbers and the order
// of members. For caches in this process: the key is another in the next one.
//
// SipHash-1-3 with 128 bits (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012) under a secret of the process: people
// who choose schemas cannot choose two that share a key. It reads values in place, so it costs less than writing them out.
#pragma once

#include <nanobind/nanobind.h>

#include <array>
#include <cstring>
#include <optional>

#include "schema_nodes.h"

namespace guidedgen {

class SipHash {
  public:
    SipHash(uint64_t k0, uint64_t k1)
        : v_{k0 ^ 0x736f6d6570736575ull, k1 ^ 0x646f72616e646f6dull ^ 0xee, k0 ^ 0x6c7967656e657261ull, k1 ^ 0x7465646279746573ull} {}

    void word(uint64_t m) {
        v_[3] ^= m;
        round();
        v_[0] ^= m;
    }

    // Bytes, filled up with zeros to whole words: whoever needs it writes their number before.
    void bytes(const void* data, size_t count) {
        const auto* at = static_cast<const char*>(data);
        uint64_t m = 0;
        for (; count >= 8; at += 8, count -= 8) {
            std::memcpy(&m, at, 8);
            word(m);
        }
        if (count == 0) return;
        m = 0;
        std::memcpy(&m, at, count);
        word(m);
    }

    std::array<uint64_t, 2> result() {
        v_[2] ^= 0xee;
        for (int i = 0; i < 3; ++i) round();
        const uint64_t low = v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
        v_[1] ^= 0xdd;
        for (int i = 0; i < 3; ++i) round();
        return {low, v_[0] ^ v_[1] ^ v_[2] ^ v_[3]};
    }

  private:
    static uint64_t turned(uint64_t x, int by) { return x << by | x >> (64 - by); }

    void round() {
        v_[0] += v_[1], v_[2] += v_[3];
        v_[1] = turned(v_[1], 13) ^ v_[0], v_[3] = turned(v_[3], 16) ^ v_[2];
        v_[0] = turned(v_[0], 32);
        v_[2] += v_[1], v_[0] += v_[3];
        v_[1] = turned(v_[1], 17) ^ v_[2], v_[3] = turned(v_[3], 21) ^ v_[0];
        v_[2] = turned(v_[2], 32);
    }

    std::array<uint64_t, 4> v_;
};

class ContentKey {
  public:
    // Nothing where a value is no plain dict, list, tuple, str of Unicode text, int of 64 bits, float, bool or None, or they nest
    // too deeply.
    static std::optional<std::array<uint64_t, 2>> of(PyObject* value) {
        static const uint64_t secret = (static_cast<uint64_t>(std::random_device{}()) << 32) | std::random_device{}();
        ContentKey key(kTextSeed, secret);
        if (!key.add(value, 0)) return {};
        return key.hash_.result();
    }

  private:
    enum Tag : uint64_t { kNone = 1, kFalse, kTrue, kInt, kFloat, kText, kList, kTuple, kDict };
    static constexpr int kDeepest = 1000;

    ContentKey(uint64_t k0, uint64_t k1) : hash_(k0, k1) {}

    void head(Tag tag, uint64_t count) { hash_.word(count << 8 | tag); }

    bool add(PyObject* o, int depth) {
        if (PyUnicode_CheckExact(o)) return text(o);
        if (PyDict_CheckExact(o)) return members(o, depth);
        if (PyList_CheckExact(o)) return items(o, kList, PyList_GET_SIZE(o), depth, [o](Py_ssize_t i) { return PyList_GET_ITEM(o, i); });
        if (PyBool_Check(o)) return head(o == Py_True ? kTrue : kFalse, 0), true;
        if (o == Py_None) return head(kNone, 0), true;
        if (PyLong_CheckExact(o)) return integer(o);
        if (PyFloat_CheckExact(o)) {
            const double number = PyFloat_AS_DOUBLE(o);
            head(kFloat, 0);
            hash_.bytes(&number, sizeof number);
            return true;
        }
        if (PyTuple_CheckExact(o)) return items(o, kTuple, PyTuple_GET_SIZE(o), depth, [o](Py_ssize_t i) { return PyTuple_GET_ITEM(o, i); });
        return false;
    }

    bool text(PyObject* o) {
        Py_ssize_t size = 0;
        const char* utf8 = PyUnicode_AsUTF8AndSize(o, &size);
        if (!utf8) return PyErr_Clear(), false;   // a lone surrogate
        head(kText, static_cast<uint64_t>(size));
        hash_.bytes(utf8, static_cast<size_t>(size));
        return true;
    }

    bool integer(PyObject* o) {
        int overflow = 0;
        const long long number = PyLong_AsLongLongAndOverflow(o, &overflow);
        if (overflow) return false;
        head(kInt, 0);
        hash_.word(static_cast<uint64_t>(number));
        return true;
    }

    template <class F>
    bool items(PyObject* o, Tag tag, Py_ssize_t count, int depth, F item) {
        if (depth >= kDeepest) return false;
        head(tag, static_cast<uint64_t>(count));
        for (Py_ssize_t i = 0; i < count; ++i)
            if (!add(item(i), depth + 1)) return false;
        return true;
    }

    bool members(PyObject* o, int depth) {
        if (depth >= kDeepest) return false;
        head(kDict, static_cast<uint64_t>(PyDict_GET_SIZE(o)));
        PyObject *key, *value;
        for (Py_ssize_t at = 0; PyDict_Next(o, &at, &key, &value);)
            if (!add(key, depth + 1) || !add(value, depth + 1)) return false;
        return true;
    }

    SipHash hash_;
};

}  // namespace guidedgen
