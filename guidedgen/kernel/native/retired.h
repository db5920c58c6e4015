// Lexers that nobody uses any more, taken apart a little at a time: one that is full takes a tenth of a second to free.
#pragma once

#include <deque>
#include <memory>
#include <mutex>

#include "lexer.h"

namespace guidedgen {

class Retired {
  public:
    // A lexer that comes here when its last user has gone; freed at once where `yard` has gone before.
    static std::shared_ptr<Lexer> keep(std::unique_ptr<Lexer> lexer, const std::shared_ptr<Retired>& yard) {
        return {lexer.release(), [to = std::weak_ptr<Retired>(yard)](Lexer* gone) {
                    std::unique_ptr<Lexer> owned(gone);
                    if (const auto open = to.lock()) open->add(std::move(owned));
                }};
    }

    // Frees a part of what is here.
    void take_apart() {
        std::lock_guard<std::mutex> guard(mutex_);
        if (!lexers_.empty() && !lexers_.front()->dismantle(kStates)) lexers_.pop_front();
    }

  private:
    static constexpr size_t kStates = 64, kMostLexers = 2;

    void add(std::unique_ptr<Lexer> lexer) {
        std::lock_guard<std::mutex> guard(mutex_);
        lexers_.push_back(std::move(lexer));
        while (lexers_.size() > kMostLexers) lexers_.pop_front();
    }

    std::mutex mutex_;
    std::deque<std::unique_ptr<Lexer>> lexers_;
};

}  // namespace guidedgen
