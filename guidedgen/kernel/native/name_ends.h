// Where tokens complete the name of a JSON member: by what of the name they hold, worked out once for a vocabulary.
//
// Few tokens hold the end of a name. So which of them complete one of the names that an object has already is looked up, name
// by name, where walking the vocabulary's tree along each of many names would take longer than all the rest of a mask.
#pragma once

#include <unordered_map>

#include "name_reader.h"
#include "subtrees.h"

namespace guidedgen {

class NameEnds {
  public:
    using Nodes = std::vector<uint32_t>;   // of the tree, where the closing quote is

    NameEnds() = default;
    NameEnds(const std::vector<TrieNode>& nodes, const Subtrees& subtrees, int32_t longest) {
        std::vector<NameReader> readers(static_cast<size_t>(longest) + 1);   // by depth
        readers[0].where = NameReader::Where::Inside;
        note(nodes, subtrees, 1, static_cast<uint32_t>(nodes.size()), readers, inside_);
        for (uint32_t i = 1; i < nodes.size();) {
            const bool space = nodes[i].byte && std::strchr(" \t\r\n,", nodes[i].byte);
            if (nodes[i].byte == '"') {
                readers[nodes[i].depth] = readers[0];
                note(nodes, subtrees, i + 1, nodes[i].skip, readers, quoted_);
            }
            i = space ? i + 1 : nodes[i].skip;
        }
    }

    // That complete a name of which `rest`, unescaped, is still to come.
    const Nodes& inside(const std::string& rest) const { return at(inside_, rest); }
    // That hold a whole name, behind its opening quote and perhaps whitespace and a comma.
    const Nodes& quoted(const std::string& name) const { return at(quoted_, name); }

    int64_t memory() const { return static_cast<int64_t>((inside_.size() + quoted_.size()) * kEntry); }

  private:
    using Ends = std::unordered_map<std::string, Nodes>;
    static constexpr size_t kEntry = 128;   // bytes, about

    static const Nodes& at(const Ends& ends, const std::string& text) {
        static const Nodes none;
        const auto found = ends.find(text);
        return found == ends.end() ? none : found->second;
    }

    // `readers`: what was read before a node is at the depth above it.
    static void note(const std::vector<TrieNode>& nodes, const Subtrees& subtrees, uint32_t from, uint32_t to,
                     std::vector<NameReader>& readers, Ends& ends) {
        for (uint32_t i = from; i < to;) {
            const TrieNode& node = nodes[i];
            NameReader& now = readers[node.depth];
            now = readers[node.depth - 1u];
            now.read(node.byte);
            const Subtrees::Below* below = subtrees.below(i);
            const bool ended = now.where == NameReader::Where::After;
            if (ended) ends[now.name].push_back(i);
            i = ended || (below && !below->bytes.has('"')) ? node.skip : i + 1;
        }
    }

    Ends inside_, quoted_;
};

}  // namespace guidedgen
