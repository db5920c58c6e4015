// What parts of a formula became while it is rebuilt: flat tables by formula id, lent again and again.
//
// A formula is rebuilt for each key, item and decision; making a table of its own each time took longer than filling it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common.h"

namespace guidedgen {

class FormulaMemo {
  public:
    // The value of a key, or -1.
    int32_t find(int32_t key) const {
        if (slots_.empty()) return -1;
        for (size_t at = place(key);; at = (at + 1) & (slots_.size() - 1)) {
            if (slots_[at].round != round_) return -1;
            if (slots_[at].key == key) return slots_[at].value;
        }
    }

    // A key that is not in it yet.
    void insert(int32_t key, int32_t value) {
        if (2 * (count_ + 1) > slots_.size()) grow();
        size_t at = place(key);
        while (slots_[at].round == round_) at = (at + 1) & (slots_.size() - 1);
        slots_[at] = {key, value, round_};
        ++count_;
    }

    void clear() {
        count_ = 0;
        if (++round_ != 0) return;
        slots_.clear();   // all rounds were used: old slots could pass for new ones
        round_ = 1;
    }

    size_t size() const { return count_; }

  private:
    struct Slot {
        int32_t key = 0, value = 0;
        uint32_t round = 0;
    };

    size_t place(int32_t key) const { return mix(0, static_cast<uint32_t>(key)) & (slots_.size() - 1); }

    void grow() {
        std::vector<Slot> old(slots_.empty() ? 16 : 2 * slots_.size());
        old.swap(slots_);
        count_ = 0;
        for (const Slot& s : old)
            if (s.round == round_) insert(s.key, s.value);
    }

    std::vector<Slot> slots_;
    size_t count_ = 0;
    uint32_t round_ = 1;   // slots of other rounds are empty
};

// Tables that are used for a while and given back; rebuilding may need several at once, one inside another.
class FormulaMemos {
  public:
    class Lent {
      public:
        Lent(FormulaMemos& owner, std::unique_ptr<FormulaMemo> memo) : owner_(owner), memo_(std::move(memo)) {}
        Lent(const Lent&) = delete;
        Lent& operator=(const Lent&) = delete;
        ~Lent() { owner_.free_.push_back(std::move(memo_)); }
        FormulaMemo& operator*() const { return *memo_; }

      private:
        FormulaMemos& owner_;
        std::unique_ptr<FormulaMemo> memo_;
    };

    Lent lend() {
        if (free_.empty()) return {*this, std::make_unique<FormulaMemo>()};
        std::unique_ptr<FormulaMemo> memo = std::move(free_.back());
        free_.pop_back();
        memo->clear();
        return {*this, std::move(memo)};
    }

  private:
    std::vector<std::unique_ptr<FormulaMemo>> free_;
};

}  // namespace guidedgen
