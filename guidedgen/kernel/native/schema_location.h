// The keywords of one location while it is read: which of them count, and their values in the forms that they must have.
#pragma once

#include "python_json.h"
#include "schema_keywords.h"

namespace guidedgen {

class LocationForms {
  protected:
    explicit LocationForms(SchemaTable& table) : table_(table) {}

    static constexpr uint64_t bit(Keyword keyword) { return 1ull << static_cast<unsigned>(keyword); }
    bool has(Keyword keyword) const { return present_ & bit(keyword); }
    bool has_any(std::initializer_list<Keyword> keywords) const {
        for (Keyword keyword : keywords)
            if (written_ & bit(keyword)) return true;
        return false;
    }
    PyObject* slot(Keyword keyword) const { return slots_[static_cast<size_t>(keyword)]; }

    template <class F>
    static uint64_t mask_of(F wanted) {
        uint64_t result = 0;
        for (const KeywordInfo& known : keyword_table())
            if (wanted(known)) result |= bit(known.keyword);
        return result;
    }
    static uint64_t keywords_of(Draft draft) {
        static const std::array<Draft, 6> drafts{kMixed, kDraft4, kDraft6, kDraft7, kDraft2019, kDraft2020};
        static const std::array<uint64_t, 6> masks = [] {
            std::array<uint64_t, 6> made;
            for (size_t i = 0; i < made.size(); ++i) made[i] = mask_of([&](const KeywordInfo& k) { return known_in(k, drafts[i]); });
            return made;
        }();
        return masks[static_cast<size_t>(std::find(drafts.begin(), drafts.end() - 1, draft) - drafts.begin())];
    }
    static uint64_t validation_keywords() {
        static const uint64_t mask = mask_of([](const KeywordInfo& k) { return k.validation; });
        return mask;
    }
    static uint64_t annotations() {
        static const uint64_t mask = mask_of([](const KeywordInfo& k) { return k.annotation; });
        return mask;
    }
    static uint64_t about(uint8_t kinds) {
        static const std::array<uint64_t, 4> masks{mask_of([](const KeywordInfo& k) { return k.kinds == kNumber && !k.annotation; }),
                                                   mask_of([](const KeywordInfo& k) { return k.kinds == kString && !k.annotation; }),
                                                   mask_of([](const KeywordInfo& k) { return k.kinds == kArray && !k.annotation; }),
                                                   mask_of([](const KeywordInfo& k) { return k.kinds == kObject && !k.annotation; })};
        return masks[kinds == kNumber ? 0 : kinds == kString ? 1 : kinds == kArray ? 2 : 3];
    }

    std::string pointer(Keyword keyword) const { return table_.pointer(place_) + "/" + std::string(info(keyword).name); }

    [[noreturn]] void malformed(Keyword keyword, const std::string& expected) const {
        std::string name(info(keyword).name);
        throw SchemaError(SchemaError::Kind::Malformed, name + " must be " + expected + ", not " + shown(slot(keyword)), pointer(keyword), name,
                          "Correct the schema.");
    }

    // A text id of the normalised numeral, or -1 where the keyword is absent.
    int32_t number(Keyword keyword) {
        if (!has(keyword)) return -1;
        if (!is_number(slot(keyword))) malformed(keyword, "a number");
        try {
            return table_.intern(numeral(slot(keyword)));
        } catch (const NotJson& e) {
            throw SchemaError(SchemaError::Kind::Malformed, std::string(info(keyword).name) + ": " + e.message, pointer(keyword),
                              std::string(info(keyword).name), "Correct the schema.");
        }
    }

    int64_t count(Keyword keyword, int64_t otherwise) {
        if (!has(keyword)) return otherwise;
        PyObject* given = slot(keyword);
        if (PyLong_CheckExact(given)) {
            int overflow = 0;
            long long value = PyLong_AsLongLongAndOverflow(given, &overflow);
            if (!overflow && value >= 0) return std::min<int64_t>(value, INT32_MAX);
        }
        int32_t id = number(keyword);
        NormalisedParts parts(table_.text(id));
        if (parts.negative || !parts.integral()) malformed(keyword, "a non-negative integer");
        return parts.count(INT32_MAX);
    }

    PyObject* text(Keyword keyword) const {
        if (!PyUnicode_Check(slot(keyword))) malformed(keyword, "a string");
        return slot(keyword);
    }

    bool flag(Keyword keyword) const {
        if (!PyBool_Check(slot(keyword))) malformed(keyword, "true or false");
        return slot(keyword) == Py_True;
    }

    SchemaTable& table_;
    int32_t place_ = 0;
    Draft draft_ = kMixed;
    std::array<PyObject*, kKeywords> slots_{};
    uint64_t written_ = 0, present_ = 0;   // keywords as written, and those that count
};

}  // namespace guidedgen
