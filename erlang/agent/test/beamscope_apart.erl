%% A module of the agent that has beamscope_apart.hrl alone, to test that.
-module(beamscope_apart).

-export([outcome/1]).

-include("../src/beamscope_apart.hrl").

outcome(#{words := Words, millis := Millis, ask := Ask}) -> term_to_binary(apart(Words, Millis, Ask)).
