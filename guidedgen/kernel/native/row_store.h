// The rows that there are: one for each set of items, numbered in the order in which they are made and kept as long as the store.
#pragma once

#include "row.h"
#include "stable.h"

namespace guidedgen {

class RowStore {
  public:
    Symbols& symbols() const { return *symbols_; }
    int64_t memory() const { return bytes_; }
    int64_t count() const { return static_cast<int64_t>(rows_.size()); }
    void charge(int64_t bytes) { bytes_ += bytes; }

  protected:
    explicit RowStore(std::shared_ptr<Symbols> symbols) : symbols_(std::move(symbols)) {}
    ~RowStore() = default;

    // The row of these items, which need no completion any more.
    Row* intern(std::vector<Item> items, bool complete) {
        std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
            if (a.slot != b.slot) return a.slot < b.slot;
            if (a.nonterminal != b.nonterminal) return a.nonterminal < b.nonterminal;
            if (a.row != b.row) return (a.row ? a.row->id : -1) < (b.row ? b.row->id : -1);
            return a.obligation < b.obligation;
        });
        items.erase(std::unique(items.begin(), items.end()), items.end());
        uint64_t h = mix(items.size(), complete);
        for (const Item& i : items) {
            h = mix(mix(h, static_cast<uint32_t>(i.slot)), mix(static_cast<uint32_t>(i.nonterminal), i.row ? i.row->id + 1 : 0));
            if (i.obligation >= 0) h = mix(h, static_cast<uint32_t>(i.obligation));
        }
        const int32_t known = index_.find(h, [&](int32_t id) {
            const Row& row = rows_[static_cast<size_t>(id)];
            return row.complete_before == complete && row.items == items;
        });
        if (known >= 0) return &rows_[static_cast<size_t>(known)];
        const auto bytes = static_cast<int64_t>(sizeof(Row) + 64 + items.size() * sizeof(Item));
        symbols_->lexer().expressions().work().hold(bytes);
        rows_.emplace_back();
        Row* row = &rows_.back();
        row->id = static_cast<int32_t>(rows_.size()) - 1;
        row->items = std::move(items);
        row->complete_before = complete;
        index_.insert(h, row->id);
        bytes_ += bytes;
        return row;
    }

    std::shared_ptr<Symbols> symbols_;
    int64_t bytes_ = 0;

  private:
    Stable<Row> rows_;
    IdTable index_;
};

}  // namespace guidedgen
