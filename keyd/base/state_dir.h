// Where state and socket live when nobody says otherwise: one answer for keyd, proxy and poolctl.
#pragma once

#include <string>
#include <string_view>

#include "keyd/base/settings.h"

namespace keypool {

// The default of DATA_DIR: the directory that systemd gives (STATE_DIRECTORY, the first of
// several), else XDG_STATE_HOME/keypool, else HOME/.local/state/keypool, else /var/lib/keypool.
// What is not an absolute path counts as unset.
std::string DefaultDataDir(const Settings::Environment& environment);

// The default of KEYD_LISTEN and KEYD_ADDRESS: "unix:<data_dir>/keyd.sock".
std::string DefaultKeydAddress(std::string_view data_dir);

}  // namespace keypool
