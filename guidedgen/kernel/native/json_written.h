// Which values of JSON a vocabulary can write at all. Real ones have every sign of JSON; where one is missing, some kind of value does
// not exist, or containers hold little.
#pragma once

#include <array>

#include "json_layout.h"
#include "schema_nodes.h"

namespace guidedgen {

struct JsonWritten {
    bool everything = true;
    std::array<bool, 7> kinds;   // by Value::Kind; numerals say themselves what can be written of them
    int64_t most_items = -1, most_members = -1;   // -1: any number

    JsonWritten() { kinds.fill(true); }

    explicit JsonWritten(JsonLayout& layout) : JsonWritten() {
        using Kind = Value::Kind;
        auto empty = [](int32_t expr) { return expr == ExpressionTable::kEmpty; };
        auto lacks = [&](const char* text) { return empty(layout.text(text)); };
        auto exists = [&](Kind kind, bool can) { kinds[static_cast<size_t>(kind)] = can; };
        exists(Kind::Null, !lacks("null"));
        exists(Kind::False, !lacks("false"));
        exists(Kind::True, !lacks("true"));
        exists(Kind::String, !lacks("\""));
        exists(Kind::Array, !lacks("[]"));
        exists(Kind::Object, !lacks("{}"));
        most_items = most(layout, ']');
        most_members = lacks("\"") || empty(layout.colon()) ? 0 : most(layout, '}');
        everything = most_items < 0 && most_members < 0 && std::find(kinds.begin(), kinds.end(), false) == kinds.end();
    }

    bool has(Value::Kind kind) const { return kinds[static_cast<size_t>(kind)]; }

  private:
    // How many a container can hold, wherever it stands.
    static int64_t most(JsonLayout& layout, char bracket) {
        int64_t least = -1;
        for (int level : {0, 1, JsonLayout::kLevels}) {
            const bool any = layout.before(level, true) != ExpressionTable::kEmpty && layout.close(level, bracket) != ExpressionTable::kEmpty;
            if (!any) return 0;
            if (layout.before(level, false) == ExpressionTable::kEmpty) least = 1;
        }
        return least;
    }
};

}  // namespace guidedgen
