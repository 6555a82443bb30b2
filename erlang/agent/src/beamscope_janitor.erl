%% @doc Takes a module of ours off the node again when the last of those who use it is gone, however it went: an
%% orderly end, a cut connection, a killed operator's machine.
%%
%% Always interpreted: a janitor that ran in the module that it removes would be in its own way.
-module(beamscope_janitor).

-export([hold/1]).

-export_type([hold/0]).

%% Milliseconds between two tries to purge, and how many there are. What still runs the module when its last user is
%% gone is a worker that the end of its link is about to kill.
-define(PURGE_PAUSE, 100).
-define(PURGE_TRIES, 50).

-type hold() :: #{module := module(), owner := pid()}.

%% @doc Keeps `module' for as long as `owner' lives. To be called before the module is loaded. The janitor is registered
%% under the name of the module that it minds, so there is one for all who use it, and anybody can see it.
-spec hold(hold()) -> ok.
hold(#{module := Module, owner := Owner}) ->
    Purge = fun
        Purge(0) ->
            ok;
        Purge(Tries) ->
            case code:soft_purge(Module) of
                true ->
                    ok;
                false ->
                    %% Not by the module `timer', which would be loaded where nobody has used it.
                    receive
                    after ?PURGE_PAUSE -> ok
                    end,
                    Purge(Tries - 1)
            end
    end,
    Mind = fun Mind(Owners) ->
        receive
            {hold, Another, From, Reference} ->
                Monitor = erlang:monitor(process, Another),
                From ! {Reference, held},
                Mind([Monitor | Owners]);
            {'DOWN', Monitor, process, _, _} ->
                case lists:delete(Monitor, Owners) of
                    [] ->
                        %% Loaded twice, it has old code, and code:delete/1 would leave the current where it is.
                        Purge(?PURGE_TRIES),
                        _ = code:delete(Module),
                        Purge(?PURGE_TRIES);
                    Others ->
                        Mind(Others)
                end
        end
    end,
    Start = fun() ->
        %% Not under the group leader of who asks: that one goes, and this process stays.
        true = group_leader(whereis(init), self()),
        %% When somebody else was first, whoever asked will ask there. (What stands in the `of' of a `try' cannot see
        %% the variables around the fun when this is interpreted.)
        IsFirst =
            try
                register(Module, self())
            catch
                error:badarg -> false
            end,
        %% Whoever asked may be killed before it says for whom.
        IsFirst andalso Mind([erlang:monitor(process, Owner)])
    end,
    Ask = fun Ask() ->
        Janitor =
            case whereis(Module) of
                undefined -> spawn(Start);
                Pid -> Pid
            end,
        Reference = erlang:monitor(process, Janitor),
        Janitor ! {hold, Owner, self(), Reference},
        receive
            {Reference, held} ->
                _ = erlang:demonitor(Reference, [flush]),
                ok;
            {'DOWN', Reference, process, Janitor, _} ->
                Ask()
        end
    end,
    Ask().
